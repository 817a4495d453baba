/* test_power.c: when calls on your own machines have a cost, and what is said when they have none. */
#include "config/config.h"
#include "mesh/mesh_priv.h"
#include "test.h"

struct row {
    const char *electricity, *upstream, *warning; /* NULL: none about electricity */
    bool known;
};

static void expect_row(const struct row *row)
{
    struct config *c = NULL;
    struct mesh *m = NULL;
    struct err e = {0};
    AUTO_BUF struct buf yaml = BUF_INIT(4 * KiB);
    AUTO_BUF struct buf said = BUF_INIT(64 * KiB);
    EXPECT_I64(buf_append_format(&yaml, "%supstreams:\n  x: { url: \"http://127.0.0.1:1/v1\", %s }\njobs: { j: { chain: [x/m] } }\n",
                                 row->electricity, row->upstream), 0);
    REQUIRE(config_read(&c, buf_str(&yaml), STR("t.yaml"), &e) == 0);
    REQUIRE(mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, &e) == 0);
    EXPECT(power_is_known(m, &m->target[0]) == row->known);
    if (row->known)
        EXPECT_I64(power_cost_of(m, &m->target[0], 3600000000), 285 * 500000); /* an hour of 285 W at $ 0.50 */
    EXPECT_I64(mesh_warnings(m, &said), 0);
    bool warned = str_find(buf_str(&said), STR("watts")) >= 0 || str_find(buf_str(&said), STR("electricity")) >= 0;
    EXPECT(warned == (row->warning != NULL));
    if (row->warning && str_find(buf_str(&said), str_from(row->warning)) < 0)
        test_fail(__FILE__, __LINE__, "%s: %.*s", row->upstream, STR_FMT(buf_str(&said)));
    mesh_close(m);
    config_free(c);
}

TEST(electricity_is_known_with_watts_and_a_price_and_whatever_is_missing_is_said)
{
    static const char priced[] = "fx: { EUR: 1.25 }\nelectricity: { price: 0.40 EUR/kWh }\n";
    static const char own_price[] = "electricity: { price: 0.50 USD/kWh }\nprices: { x/m: { input: 1, output: 1 } }\n";
    const struct row rows[] = {
        {priced, "place: home, watts: 285", NULL, true},
        {priced, "regime: power, watts: 285", NULL, true},
        {priced, "place: home", "x does not say its `watts`", false},
        {"", "place: home, watts: 285", "there is no `electricity", false},
        {"", "place: home", NULL, false},
        {priced, "place: home, regime: credit, watts: 285", "its regime is credit", false},
        {priced, "place: cloud", "no upstream runs on it", false},
        {own_price, "place: home, watts: 285", NULL, false}, /* charged by its own price */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_row(&rows[i]);
}
