/* test_kv.c: pages of the KV cache: shared, copied before they are written, given back; and the index of kept prefixes on top of them. */
#include "engine/kv.h"
#include "engine/prefix.h"
#include "test.h"

static const struct kv_shape small = {.type = KV_F32, .layers = 2, .heads = 2, .head_dim = 4};

static struct kv_pool *pool_of(size_t pages)
{
    struct kv_pool *p = NULL;
    struct err e = {0};
    if (kv_pool_new(&p, &small, pages, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    return p;
}

/* Tokens that are marked in every corner of a page: layer, head, keys and values. */
static void put(struct kv_pool *p, struct kv_sequence *s, int32_t token)
{
    size_t page = s->length / KV_PAGE_TOKENS, slot = s->length % KV_PAGE_TOKENS;
    for (size_t layer = 0; layer < small.layers; layer++)
        for (size_t head = 0; head < small.heads; head++)
            for (size_t i = 0; i < small.head_dim; i++) {
                float mark = (float)(token * 64 + (int32_t)(layer * 32 + head * 16 + i * 2));
                ((float *)kv_keys(p, s, page, layer, head))[i * KV_PAGE_TOKENS + slot] = mark;
                ((float *)kv_values(p, s, page, layer, head))[slot * small.head_dim + i] = mark + 1;
            }
    s->length++;
}

static bool holds(const struct kv_pool *p, const struct kv_sequence *s, const int32_t *token, size_t count)
{
    bool right = s->length == count;
    for (size_t at = 0; at < count && right; at++)
        for (size_t n = 0; n < small.layers * small.heads * small.head_dim; n++) {
            size_t layer = n / 8, head = n / 4 % 2, i = n % 4, page = at / KV_PAGE_TOKENS, slot = at % KV_PAGE_TOKENS;
            float mark = (float)(token[at] * 64 + (int32_t)(layer * 32 + head * 16 + i * 2));
            right = right && ((const float *)kv_keys(p, s, page, layer, head))[i * KV_PAGE_TOKENS + slot] == mark;
            right = right && ((const float *)kv_values(p, s, page, layer, head))[slot * small.head_dim + i] == mark + 1;
        }
    return right;
}

static void fill(struct kv_pool *p, struct kv_sequence *s, const int32_t *token, size_t count)
{
    if (kv_reserve(p, s, count, NULL) < 0)
        test_fail(__FILE__, __LINE__, "no pages");
    else
        for (size_t i = 0; i < count; i++)
            put(p, s, token[i]);
}

static void tokens(int32_t *token, size_t count, int32_t from)
{
    for (size_t i = 0; i < count; i++)
        token[i] = from + (int32_t)i;
}

TEST(a_page_holds_every_layer_and_head_apart)
{
    struct kv_pool *p = pool_of(4);
    struct kv_sequence s = {0};
    int32_t token[200];
    tokens(token, 200, 5);
    fill(p, &s, token, 200);
    EXPECT(holds(p, &s, token, 200) && s.page_count == 4 && kv_pages_free(p) == 0);
    kv_clear(p, &s);
    EXPECT(kv_pages_free(p) == 4 && !s.page && s.length == 0);
    kv_pool_free(p);
}

/* Both go on after what they share, each for itself. */
TEST(a_shared_page_is_copied_by_whoever_writes_first)
{
    struct kv_pool *p = pool_of(10);
    struct kv_sequence a = {0}, b = {0};
    int32_t first[300], second[300];
    tokens(first, 300, 0);
    tokens(second, 300, 0);
    for (int i = 100; i < 300; i++)
        second[i] = 1000 + i;
    fill(p, &a, first, 150);
    REQUIRE(kv_share(p, &a, 100, &b, NULL) == 0);
    EXPECT(b.page_count == 2 && kv_pages_free(p) == 7);
    fill(p, &b, second + 100, 30); /* into the page that `a` has too */
    EXPECT(holds(p, &a, first, 150) && holds(p, &b, second, 130) && kv_pages_free(p) == 5);
    fill(p, &a, first + 150, 20);
    EXPECT(holds(p, &a, first, 170) && holds(p, &b, second, 130) && kv_pages_free(p) == 5);
    kv_clear(p, &a);
    EXPECT(holds(p, &b, second, 130) && kv_pages_free(p) == 7);
    kv_clear(p, &b);
    kv_pool_free(p);
}

/* The owner of a page copies it too while another reads it. */
TEST(the_first_holder_of_a_shared_page_does_not_write_into_it)
{
    struct kv_pool *p = pool_of(4);
    struct kv_sequence a = {0}, b = {0};
    int32_t token[60];
    tokens(token, 60, 0);
    fill(p, &a, token, 20);
    REQUIRE(kv_share(p, &a, 20, &b, NULL) == 0);
    fill(p, &a, token + 20, 5);
    fill(p, &b, token + 40, 5);
    EXPECT(a.page[0] != b.page[0] && holds(p, &a, token, 25));
    memmove(token + 20, token + 40, 5 * sizeof *token);
    EXPECT(holds(p, &b, token, 25));
    kv_clear(p, &a);
    kv_clear(p, &b);
    kv_pool_free(p);
}

/* What is in use stays in use; a page is free once fewer are than the bound. */
TEST(a_bound_below_the_pool_holds_for_whatever_is_taken)
{
    struct kv_pool *p = pool_of(4);
    struct kv_sequence a = {0}, b = {0};
    struct err e = {0};
    int32_t token[150];
    tokens(token, 150, 0);
    fill(p, &a, token, 150);
    kv_pages_bound(p, 2);
    EXPECT(kv_pages_used(p) == 3 && kv_pages_free(p) == 0 && holds(p, &a, token, 150));
    EXPECT_I64(kv_reserve(p, &a, 42, NULL), 0); /* its last page has room */
    EXPECT_I64(kv_reserve(p, &a, 43, &e), ERR_LIMIT);
    EXPECT(strstr(e.text, "1 pages wanted, 0 of 4 are free"));
    kv_truncate(p, &a, 128);
    EXPECT(kv_pages_used(p) == 2 && kv_pages_free(p) == 0);
    kv_truncate(p, &a, 64);
    EXPECT(kv_pages_free(p) == 1 && kv_reserve(p, &b, 65, NULL) == ERR_LIMIT && b.page_count == 0);
    kv_pages_bound(p, 9);
    EXPECT(kv_pages_free(p) == 3 && kv_reserve(p, &b, 129, NULL) == 0 && kv_pages_free(p) == 0);
    kv_clear(p, &a);
    kv_clear(p, &b);
    kv_pool_free(p);
}

TEST(what_does_not_fit_takes_nothing)
{
    struct kv_pool *p = pool_of(3);
    struct kv_sequence a = {0}, b = {0};
    struct err e = {0};
    int32_t token[100];
    tokens(token, 100, 0);
    fill(p, &a, token, 100);
    EXPECT_I64(kv_reserve(p, &a, 93, &e), ERR_LIMIT);
    EXPECT(strstr(e.text, "2 pages wanted, 1 of 3") && a.page_count == 2);
    REQUIRE(kv_share(p, &a, 100, &b, NULL) == 0);
    EXPECT_I64(kv_reserve(p, &b, 29, NULL), ERR_LIMIT); /* a copy, and one more: two */
    EXPECT(b.page[1] == a.page[1] && kv_pages_free(p) == 1);
    EXPECT_I64(kv_reserve(p, &b, 28, NULL), 0); /* the copy alone */
    EXPECT(b.page[1] != a.page[1] && kv_pages_free(p) == 0);
    kv_truncate(p, &b, 64);
    EXPECT(b.length == 64 && b.page_count == 1 && kv_pages_free(p) == 1);
    kv_truncate(p, &b, 10);
    EXPECT(b.length == 10 && b.page_count == 1);
    kv_clear(p, &b);
    kv_clear(p, &a);
    kv_pool_free(p);
}

/* Fails at the n-th allocation: nothing may leak, no page may be lost. */
static int tortured(void *ctx)
{
    (void)ctx;
    struct kv_pool *p = NULL;
    struct prefix_index *x = NULL;
    struct kv_sequence a = {0}, b = {0};
    int32_t token[100];
    tokens(token, 100, 0);
    int rc = kv_pool_new(&p, &small, 12, NULL);
    if (rc == 0)
        rc = prefix_new(&x, p, 2, NULL);
    if (rc == 0)
        rc = kv_reserve(p, &a, 100, NULL);
    for (size_t i = 0; i < 100 && rc == 0; i++)
        put(p, &a, token[i]);
    if (rc == 0)
        rc = kv_share(p, &a, 70, &b, NULL);
    if (rc == 0) {
        prefix_keep(x, &a, token, 0);
        rc = prefix_count(x) == 1 ? 0 : -1;
        kv_clear(p, &b);
        if (rc == 0)
            rc = prefix_find(x, token, 100, &b) == 99 ? 0 : -1;
    }
    kv_clear(p, &b);
    if (p)
        kv_clear(p, &a);
    prefix_free(x);
    kv_pool_free(p);
    return rc;
}

TEST(running_out_of_memory_loses_no_page)
{
    (void)test_torture("KV pages and prefixes", tortured, NULL);
}

/* --- kept prefixes ------------------------------------------------------------------------------------------------------------------- */

static void keep(struct prefix_index *x, struct kv_pool *p, const int32_t *token, size_t count)
{
    struct kv_sequence s = {0};
    fill(p, &s, token, count);
    prefix_keep(x, &s, token, 0);
    EXPECT(s.page_count == 0 && s.length == 0);
}

TEST(the_longest_kept_beginning_is_found_but_never_all_of_a_text)
{
    struct kv_pool *p = pool_of(20);
    struct prefix_index *x = NULL;
    struct kv_sequence s = {0};
    int32_t token[200], other[200];
    tokens(token, 200, 0);
    tokens(other, 200, 0);
    for (int i = 90; i < 200; i++)
        other[i] = 5000 + i;
    REQUIRE(prefix_new(&x, p, 4, NULL) == 0);
    keep(x, p, token, 70);
    keep(x, p, other, 120);
    EXPECT_I64(prefix_find(x, token, 200, &s), 90);
    EXPECT(holds(p, &s, token, 90));
    kv_clear(p, &s);
    EXPECT_I64(prefix_find(x, other, 120, &s), 119);
    kv_clear(p, &s);
    EXPECT_I64(prefix_find(x, token, 1, &s), 0);
    EXPECT_I64(prefix_find(x, token + 1, 100, &s), 0);
    EXPECT(s.page_count == 0);
    /* one that says less is not kept beside one that says more, in either order */
    EXPECT_I64(prefix_count(x), 1); /* 70 of `token` are the first 70 of `other` */
    keep(x, p, token, 100);
    keep(x, p, token, 80);
    EXPECT_I64(prefix_count(x), 2);
    prefix_free(x);
    EXPECT_I64(kv_pages_free(p), 20);
    kv_pool_free(p);
}

TEST(the_least_recently_used_prefix_goes_first)
{
    struct kv_pool *p = pool_of(20);
    struct prefix_index *x = NULL;
    struct kv_sequence s = {0};
    int32_t token[4][50];
    REQUIRE(prefix_new(&x, p, 3, NULL) == 0);
    for (int i = 0; i < 3; i++) {
        tokens(token[i], 50, 1000 * i);
        keep(x, p, token[i], 40);
    }
    EXPECT_I64(prefix_find(x, token[0], 50, &s), 40); /* used: the second is the oldest now */
    kv_clear(p, &s);
    tokens(token[3], 50, 7000);
    keep(x, p, token[3], 40); /* no place: somebody goes */
    EXPECT_I64(prefix_count(x), 3);
    EXPECT_I64(prefix_find(x, token[1], 50, &s), 0);
    EXPECT(prefix_drop_oldest(x) && prefix_find(x, token[2], 50, &s) == 0);
    EXPECT_I64(prefix_find(x, token[0], 50, &s), 40);
    kv_clear(p, &s);
    EXPECT(prefix_drop_oldest(x) && prefix_drop_oldest(x) && !prefix_drop_oldest(x));
    EXPECT_I64(kv_pages_free(p), 20);
    prefix_free(x);
    kv_pool_free(p);
}

/* What an earlier turn of the same conversation had beyond it is given back; others' sequences stay, and what nobody names does too. */
TEST(of_a_conversation_its_last_turn_is_kept)
{
    struct kv_pool *p = pool_of(20);
    struct prefix_index *x = NULL;
    int32_t token[200];
    REQUIRE(prefix_new(&x, p, 8, NULL) == 0);
    static const struct {
        uint64_t conversation;
        int differs_by; /* from position 70 on */
        size_t kept, pages_free;
    } turn[] = {{7, 0, 1, 18}, {7, 1000, 1, 18}, {8, 2000, 2, 16}, {0, 3000, 3, 14}, {0, 4000, 4, 12}, {7, 5000, 4, 12}};
    for (size_t t = 0; t < COUNT_OF(turn); t++) {
        struct kv_sequence s = {0};
        tokens(token, 200, 0);
        for (int i = 70; i < 200; i++)
            token[i] += turn[t].differs_by;
        fill(p, &s, token, 120);
        prefix_keep(x, &s, token, turn[t].conversation);
        EXPECT_I64(prefix_count(x), turn[t].kept);
        EXPECT_I64(kv_pages_free(p), turn[t].pages_free);
    }
    struct kv_sequence s = {0};
    EXPECT_I64(prefix_find(x, token, 200, &s), 120); /* the last one is there to its end */
    kv_clear(p, &s);
    prefix_free(x);
    EXPECT_I64(kv_pages_free(p), 20);
    kv_pool_free(p);
}

/* A beginning shared with a running sequence takes the place of a shorter one that was found before. */
TEST(a_running_sequence_shares_more_than_a_kept_one)
{
    struct kv_pool *p = pool_of(20);
    struct kv_sequence running = {0}, s = {0};
    struct prefix_index *x = NULL;
    int32_t token[200];
    tokens(token, 200, 0);
    REQUIRE(prefix_new(&x, p, 4, NULL) == 0);
    keep(x, p, token, 30);
    fill(p, &running, token, 100);
    size_t found = prefix_find(x, token, 150, &s);
    EXPECT_I64(found, 30);
    EXPECT_I64(prefix_share(p, &running, token, token, 150, found, &s), 100);
    EXPECT(holds(p, &s, token, 100));
    EXPECT_I64(prefix_share(p, &running, token, token, 150, 100, &s), 100); /* no more than it has: left alone */
    EXPECT(holds(p, &s, token, 100));
    kv_clear(p, &s);
    kv_clear(p, &running);
    prefix_free(x);
    kv_pool_free(p);
}
