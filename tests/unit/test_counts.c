/* test_counts.c: a loop's numbers: rows by name over several meshes, sums by name, and what has no room. */
#include "config/config.h"
#include "mesh/counts.h"
#include "mesh/mesh_priv.h"
#include "test.h"

struct made {
    struct config *config;
    struct mesh *mesh;
    struct mesh_loop ml; /* only what counting needs of it */
};

static bool make(struct made *m, const char *yaml, struct mesh_counts *counts)
{
    struct err e = {0};
    *m = (struct made){.ml.counts = counts};
    if (config_read(&m->config, str_from(yaml), STR("t.yaml"), &e) == 0 &&
        mesh_open(&m->mesh, &(struct mesh_options){.config = m->config, .clock = clock_system()}, &e) == 0) {
        m->ml.mesh = m->mesh;
        if (counts_bind(&m->ml, &e) == 0)
            return true;
    }
    test_fail(__FILE__, __LINE__, "%s", e.text);
    return false;
}

static void unmake(struct made *m)
{
    mem_free(m->ml.count_row);
    mesh_close(m->mesh);
    config_free(m->config);
}

static const struct count_attempts *target_of(const struct mesh_counts *k, const char *name)
{
    for (int i = 0; i < mesh_counts_targets(k); i++)
        if (str_eq(mesh_counts_target(k, i)->name, str_from(name)))
            return mesh_counts_target(k, i);
    test_fail(__FILE__, __LINE__, "no row %s", name);
    return mesh_counts_target(k, 0);
}

static const struct count_calls *job_of(const struct mesh_counts *k, const char *name)
{
    for (int i = 0; i < mesh_counts_jobs(k); i++)
        if (str_eq(mesh_counts_job(k, i)->name, str_from(name)))
            return mesh_counts_job(k, i);
    test_fail(__FILE__, __LINE__, "no row %s", name);
    return mesh_counts_job(k, 0);
}

static void try_target(const struct made *m, int i, enum reason r, int64_t cost)
{
    struct ledger_attempt_close rec = {.ok = r == REASON_DONE,
                                       .cost_nusd = cost,
                                       .first_ms = 60,
                                       .total_ms = 700,
                                       .usage = {.input = 10, .output = 3, .cached = 4, .reported = true}};
    count_attempt(&m->ml, &m->mesh->target[i], r, &rec);
}

#define CONFIG(jobs) \
    "upstreams:\n  a: { url: \"https://a.example.com/v1\" }\n  b: { url: \"https://b.example.com/v1\" }\njobs:\n" jobs

TEST(what_the_records_say_is_counted_in_its_row)
{
    struct mesh_counts *k = NULL;
    struct made m;
    REQUIRE(mesh_counts_open(&k, NULL) == 0 && make(&m, CONFIG("  one: { chain: [a/m, b/m] }\n"), k));
    try_target(&m, 0, REASON_DONE, 5);
    try_target(&m, 0, REASON_RESET, COST_UNKNOWN);
    const struct count_attempts *t = target_of(k, "a/m");
    EXPECT_I64(t->reason[REASON_DONE], 1);
    EXPECT_I64(t->reason[REASON_RESET], 1);
    EXPECT_I64(t->token[COUNT_INPUT], 20);
    EXPECT_I64(t->token[COUNT_CACHED], 8);
    EXPECT_I64(t->cost_nusd, 5);
    EXPECT_I64(t->cost_unknown, 1);
    EXPECT_I64(t->first.bucket[1], 2); /* 60 ms: above 50, up to 100 */
    EXPECT_I64(t->first.sum_ms, 120);
    EXPECT_I64(t->total.bucket[3], 2);
    count_call(&m.ml, &m.mesh->job[0],
               &(struct ledger_call_close){.outcome = CALL_CUT, .first_ms = -1, .total_ms = 1000000});
    count_call(&m.ml, NULL, &(struct ledger_call_close){.outcome = CALL_DONE, .first_ms = 50, .total_ms = 100});
    EXPECT_I64(job_of(k, "one")->outcome[CALL_CUT], 1);
    EXPECT_I64(job_of(k, "one")->total.bucket[COUNT_BUCKETS], 1);
    EXPECT_I64(job_of(k, "one")->first.bucket[0], 0);
    EXPECT_I64(job_of(k, "-")->outcome[CALL_DONE], 1);
    EXPECT_I64(job_of(k, "-")->first.bucket[0], 1); /* ends are inclusive */
    unmake(&m);
    mesh_counts_close(k);
}

TEST(another_mesh_goes_on_where_the_one_before_stopped_and_names_keep_their_rows)
{
    struct mesh_counts *k = NULL;
    struct made m;
    REQUIRE(mesh_counts_open(&k, NULL) == 0 && make(&m, CONFIG("  one: { chain: [a/m, b/m] }\n"), k));
    try_target(&m, 1, REASON_DONE, 1);
    unmake(&m);
    REQUIRE(make(&m, CONFIG("  two: { chain: [b/m] }\n  one: { chain: [b/new] }\n"), k));
    try_target(&m, 0, REASON_DONE, 1);
    EXPECT_I64(target_of(k, "b/m")->reason[REASON_DONE], 2);
    EXPECT_I64(target_of(k, "a/m")->reason[REASON_DONE], 0);
    unmake(&m);
    mesh_counts_close(k);
}

TEST(a_model_that_the_config_does_not_name_is_counted_as_its_upstreams_other)
{
    struct mesh_counts *k = NULL;
    struct made m;
    REQUIRE(mesh_counts_open(&k, NULL) == 0 && make(&m, CONFIG("  one: { chain: [a/m] }\n"), k));
    struct target asked = {.name = STR("b/whatever"), .up = &m.mesh->upstream[1], .state = m.mesh->upstream[1].direct};
    int rows = mesh_counts_targets(k);
    count_attempt(&m.ml, &asked, REASON_DONE, &(struct ledger_attempt_close){.first_ms = -1});
    EXPECT_I64(target_of(k, "b/other")->reason[REASON_DONE], 1);
    EXPECT_I64(mesh_counts_targets(k), rows);
    unmake(&m);
    mesh_counts_close(k);
}

TEST(sums_are_by_name_whatever_the_order_of_the_rows)
{
    struct mesh_counts *k[3] = {0};
    struct made m;
    for (int i = 0; i < 3; i++)
        REQUIRE(mesh_counts_open(&k[i], NULL) == 0);
    REQUIRE(make(&m, CONFIG("  one: { chain: [a/m, b/m] }\n"), k[0]));
    try_target(&m, 0, REASON_DONE, 1);
    unmake(&m);
    REQUIRE(make(&m, CONFIG("  two: { chain: [b/m] }\n  one: { chain: [a/m] }\n"), k[1]));
    try_target(&m, 0, REASON_DONE, 10);
    try_target(&m, 1, REASON_DONE, 100);
    EXPECT(mesh_counts_add(k[2], k[0]) == 0 && mesh_counts_add(k[2], k[1]) == 0);
    EXPECT_I64(target_of(k[2], "a/m")->cost_nusd, 101);
    EXPECT_I64(target_of(k[2], "b/m")->cost_nusd, 10);
    unmake(&m);
    for (int i = 0; i < 3; i++)
        mesh_counts_close(k[i]);
}

TEST(names_without_room_are_counted_together)
{
    struct mesh_counts *k = NULL;
    struct made m;
    REQUIRE(mesh_counts_open(&k, NULL) == 0);
    for (int round = 0; round < 40; round++) { /* each with thirty names nobody had before */
        AUTO_BUF struct buf yaml = BUF_INIT(64 * KiB);
        (void)buf_append_text(&yaml, CONFIG(""));
        for (int j = 0; j < 30; j++)
            (void)buf_append_format(&yaml, "  j%d-%d: { chain: [a/m%d-%d] }\n", round, j, round, j);
        REQUIRE(make(&m, buf_text(&yaml), k));
        try_target(&m, 29, REASON_DONE, 1);
        unmake(&m);
    }
    EXPECT_I64(mesh_counts_targets(k), 1024);
    EXPECT_I64(mesh_counts_jobs(k), 512);
    EXPECT_I64(target_of(k, "other")->reason[REASON_DONE], 6); /* 1,023 rows end in the 35th round */
    mesh_counts_close(k);
}

static int open_and_bind(void *ctx)
{
    struct made *m = ctx;
    struct mesh_counts *k = NULL;
    struct mesh_loop ml = {.mesh = m->mesh};
    int rc = mesh_counts_open(&k, NULL);
    ml.counts = k;
    if (rc == 0)
        rc = counts_bind(&ml, NULL);
    mem_free(ml.count_row);
    mesh_counts_close(k);
    return rc;
}

TEST(counting_survives_every_failed_allocation)
{
    struct made m;
    REQUIRE(make(&m, CONFIG("  one: { chain: [a/m, b/m] }\n"), NULL));
    test_torture("counts_bind", open_and_bind, &m);
    unmake(&m);
}
