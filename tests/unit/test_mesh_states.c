/* test_mesh_states.c: breakers and counts of calls in flight outlive the routes they were made for, where it is still the
 * same place that they judge. */
#include "config/config.h"
#include "mesh/mesh_priv.h"
#include "test.h"

struct made {
    struct config *config;
    struct mesh *mesh;
};

static struct made make(const char *yaml, const struct mesh *before)
{
    struct made m = {0};
    struct err e = {0};
    if (config_read(&m.config, str_from(yaml), STR("t.yaml"), &e) < 0 ||
        mesh_open(&m.mesh, &(struct mesh_options){.config = m.config, .clock = clock_system(), .before = before}, &e) <
            0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    return m;
}

static void unmake(struct made *m)
{
    mesh_close(m->mesh);
    config_free(m->config);
}

static struct target_state *state(const struct made *m, const char *target)
{
    for (int i = 0; i < m->mesh->target_count; i++)
        if (str_eq(m->mesh->target[i].name, str_from(target)))
            return m->mesh->target[i].state;
    test_fail(__FILE__, __LINE__, "no target %s", target);
    return NULL;
}

#define FIRST                                      \
    "upstreams:\n"                                 \
    "  a: { url: \"https://a.example.com/v1\" }\n" \
    "  b: { url: \"https://b.example.com/v1\" }\n" \
    "jobs: { bulk: { chain: [a/m, a/n, b/m] } }\n"

TEST(a_place_that_is_the_same_keeps_its_numbers_whatever_stands_around_it)
{
    struct made one = make(FIRST, NULL);
    struct made two = make("upstreams:\n"
                           "  c: { url: \"https://c.example.com/v1\" }\n"
                           "  b: { url: \"https://b.example.com/v1\", concurrent: 3 }\n"
                           "  a: { url: \"https://a.example.com/v1\" }\n"
                           "jobs: { other: { chain: [c/m, b/m, a/m, a/o] } }\n",
                           one.mesh);
    REQUIRE(one.mesh && two.mesh);
    EXPECT(state(&two, "a/m") == state(&one, "a/m") && state(&two, "b/m") == state(&one, "b/m"));
    EXPECT(state(&two, "c/m") != state(&one, "a/m") && state(&two, "a/o") != state(&one, "a/n"));
    EXPECT(two.mesh->upstream[2].state == one.mesh->upstream[0].state &&
           two.mesh->upstream[2].direct == one.mesh->upstream[0].direct);
    atomic_fetch_add(&state(&one, "a/m")->in_flight, 1);
    unmake(&one); /* the other still counts it */
    EXPECT_I64(atomic_load(&state(&two, "a/m")->in_flight), 1);
    unmake(&two);
}

TEST(another_address_is_another_place)
{
    struct made one = make(FIRST, NULL);
    struct made two = make("upstreams:\n"
                           "  a: { url: \"https://elsewhere.example.com/v1\" }\n"
                           "  b: { url: \"https://b.example.com/v1\" }\n"
                           "jobs: { bulk: { chain: [a/m, b/m] } }\n",
                           one.mesh);
    REQUIRE(one.mesh && two.mesh);
    EXPECT(state(&two, "a/m") != state(&one, "a/m") && two.mesh->upstream[0].state != one.mesh->upstream[0].state);
    EXPECT(state(&two, "b/m") == state(&one, "b/m"));
    unmake(&one);
    unmake(&two);
}

TEST(another_key_keeps_the_count_of_calls_and_forgets_what_was_held_against_the_old_one)
{
    struct made one = make(FIRST, NULL);
    struct made two = make("upstreams:\n"
                           "  a: { url: \"https://a.example.com/v1\", key: passthrough }\n"
                           "  b: { url: \"https://b.example.com/v1\" }\n"
                           "jobs: { bulk: { chain: [a/m, b/m] } }\n",
                           one.mesh);
    REQUIRE(one.mesh && two.mesh);
    EXPECT(two.mesh->upstream[0].state == one.mesh->upstream[0].state);
    EXPECT(state(&two, "a/m") != state(&one, "a/m") && two.mesh->upstream[0].direct != one.mesh->upstream[0].direct);
    unmake(&one);
    unmake(&two);
}

static int follow(void *before)
{
    struct made m = {0};
    int rc = config_read(&m.config, str_from(FIRST), STR("t.yaml"), NULL);
    if (rc == 0)
        rc = mesh_open(&m.mesh, &(struct mesh_options){.config = m.config, .clock = clock_system(), .before = before},
                       NULL);
    unmake(&m);
    return rc;
}

TEST(a_mesh_that_follows_another_survives_every_failed_allocation)
{
    struct made one = make(FIRST, NULL);
    REQUIRE(one.mesh);
    test_torture("mesh_open after another", follow, one.mesh);
    unmake(&one);
}
