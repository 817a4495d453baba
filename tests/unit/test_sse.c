/* test_sse.c: the event reader: WHATWG's rules, any cut, bounds, and raw bytes that add up to the input. */
#include "net/sse.h"
#include "test.h"

/* Events written down as text: "name|data|raw" with line ends visible; "-" for an absent data. */
struct notes {
    struct buf text, raw;
    int stop_after; /* return 7 from this event on; 0 never */
    int count;
};

static void note_str(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\n')
            (void)buf_append_text(b, "\\n");
        else if (s.ptr[i] == '\r')
            (void)buf_append_text(b, "\\r");
        else
            (void)buf_append_char(b, s.ptr[i]);
    }
}

static int note(const struct sse_event *ev, void *ctx)
{
    struct notes *n = ctx;
    note_str(&n->text, ev->name);
    (void)buf_append_char(&n->text, '|');
    note_str(&n->text, ev->data.ptr ? ev->data : STR("-"));
    (void)buf_append_char(&n->text, '|');
    note_str(&n->text, ev->raw);
    (void)buf_append_char(&n->text, ';');
    (void)buf_append(&n->raw, ev->raw);
    return ++n->count == n->stop_after ? 7 : 0;
}

#define NOTES_INIT ((struct notes){.text = BUF_INIT(1 * MiB), .raw = BUF_INIT(1 * MiB)})

static void notes_fini(struct notes *n)
{
    buf_fini(&n->text);
    buf_fini(&n->raw);
}

static int read_in_pieces(struct str input, size_t piece, struct notes *n)
{
    struct sse_reader r;
    sse_reader_init(&r, 4096);
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < input.len; at += piece)
        rc = sse_feed(&r, str_slice(input, at, at + piece), note, n);
    if (rc == 0)
        rc = sse_finish(&r, note, n);
    sse_reader_fini(&r);
    return rc;
}

static const struct {
    const char *input, *events;
} cases[] = {
    {"data: a\n\n", "|a|data: a\\n\\n;"},
    {"data:a\n\n", "|a|data:a\\n\\n;"},
    {"data:  a\n\n", "| a|data:  a\\n\\n;"},
    {"data\n\n", "||data\\n\\n;"},
    {"data:\n\n", "||data:\\n\\n;"},
    {"data: a\r\n\r\n", "|a|data: a\\r\\n\\r\\n;"},
    {"data: a\r\rdata: b\r\r", "|a|data: a\\r\\r;|b|data: b\\r\\r;"},
    {"data: a\r\n\r\ndata: b\n\n", "|a|data: a\\r\\n\\r\\n;|b|data: b\\n\\n;"},
    {"data: a\r\r\ndata: b\n\n", "|a|data: a\\r\\r;|b|\\ndata: b\\n\\n;"},
    {"event: x\ndata: a\n\n", "x|a|event: x\\ndata: a\\n\\n;"},
    {"event: x\nevent: y\ndata: a\n\n", "y|a|event: x\\nevent: y\\ndata: a\\n\\n;"},
    {"data: a\ndata: b\ndata:\ndata: c\n\n", "|a\\nb\\n\\nc|data: a\\ndata: b\\ndata:\\ndata: c\\n\\n;"},
    {": hi\n\n", "|-|: hi\\n\\n;"},
    {": hi\ndata: a\n\n", "|a|: hi\\ndata: a\\n\\n;"},
    {"id: 7\nretry: 1\nodd\n\n", "|-|id: 7\\nretry: 1\\nodd\\n\\n;"},
    {"\n\ndata: a\n\n", "|-|\\n;|-|\\n;|a|data: a\\n\\n;"},
    {"\xEF\xBB\xBF"
     "data: a\n\n",
     "|a|\xEF\xBB\xBF"
     "data: a\\n\\n;"},
    {"\xEF\xBB\xBF\n", "|-|\xEF\xBB\xBF\\n;"},
    {"data: a\n\n\xEF\xBB\xBF"
     "data: b\n\n",
     "|a|data: a\\n\\n;|-|\xEF\xBB\xBF"
     "data: b\\n\\n;"},
    {"data: [DONE]", "|[DONE]|data: [DONE];"},
    {"data: a\n", "|a|data: a\\n;"},
    {"data: a\r", "|a|data: a\\r;"},
    {"\xEF\xBB", "|-|\xEF\xBB;"},
    {" data: a\n\n", "|-| data: a\\n\\n;"},
    {"datax: a\n\n", "|-|datax: a\\n\\n;"},
    {"data: \xC3\xA4\n\n", "|\xC3\xA4|data: \xC3\xA4\\n\\n;"},
    {"", ""},
};

TEST(events_are_the_specification_s_whatever_the_cut)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str input = str_from(cases[i].input);
        for (size_t piece = 1; piece <= input.len + 1; piece++) {
            struct notes n = NOTES_INIT;
            EXPECT_I64(read_in_pieces(input, piece, &n), 0);
            EXPECT_STR(buf_str(&n.text), cases[i].events);
            EXPECT(str_eq(buf_str(&n.raw), input));
            notes_fini(&n);
        }
    }
}

TEST(an_event_is_handed_out_as_soon_as_its_blank_line_came)
{
    static const struct {
        const char *input;
        int count;
    } table[] = {
        {"data: a\n\n", 1}, {"data: a\r\n\r\n", 1}, {"data: a\r\r", 1}, {"data: a\n", 0}, {"data: a\r\n\r", 0}};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct sse_reader r;
        sse_reader_init(&r, 100);
        struct notes n = NOTES_INIT;
        EXPECT_I64(sse_feed(&r, str_from(table[i].input), note, &n), 0);
        EXPECT_I64(n.count, table[i].count);
        notes_fini(&n);
        sse_reader_fini(&r);
    }
}

TEST(an_event_above_the_limit_is_refused_whatever_the_cut)
{
    struct str fits = STR("data: 0123456789\n\n"), large = STR("data: 0123456789a\n\n");
    struct str fits_cr = STR("data: 012345678\r\n\r\n"), many = STR("data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n");
    for (size_t piece = 1; piece <= many.len; piece++) {
        const struct {
            struct str input;
            int rc;
        } table[] = {{fits, 0}, {large, ERR_LIMIT}, {many, 0}, {fits_cr, ERR_LIMIT}};
        for (size_t i = 0; i < COUNT_OF(table); i++) {
            struct sse_reader r;
            struct notes n = NOTES_INIT;
            sse_reader_init(&r, fits.len);
            int rc = 0;
            for (size_t at = 0; rc == 0 && at < table[i].input.len; at += piece)
                rc = sse_feed(&r, str_slice(table[i].input, at, at + piece), note, &n);
            EXPECT_I64(rc, table[i].rc);
            notes_fini(&n);
            sse_reader_fini(&r);
        }
    }
}

TEST(an_endless_line_is_refused_before_its_end)
{
    struct sse_reader r;
    struct notes n = NOTES_INIT;
    sse_reader_init(&r, 64);
    int rc = 0, feeds = 0;
    for (; rc == 0 && feeds < 1000; feeds++)
        rc = sse_feed(&r, STR("xxxxxxxx"), note, &n);
    EXPECT_I64(rc, ERR_LIMIT);
    EXPECT(feeds <= 9);
    notes_fini(&n);
    sse_reader_fini(&r);
}

TEST(the_callback_can_stop_the_feed)
{
    struct str input = STR("data: a\n\ndata: b\n\ndata: c\n\n");
    for (size_t piece = 1; piece <= input.len; piece++) {
        struct notes n = NOTES_INIT;
        n.stop_after = 2;
        EXPECT_I64(read_in_pieces(input, piece, &n), 7);
        EXPECT_I64(n.count, 2);
        notes_fini(&n);
    }
}

TEST(a_whole_event_with_one_data_line_costs_no_allocation)
{
    struct sse_reader r;
    sse_reader_init(&r, 4096);
    struct notes n = NOTES_INIT;
    (void)buf_reserve(&n.text, 1000);
    (void)buf_reserve(&n.raw, 1000);
    mem_fail_at(0);
    EXPECT_I64(sse_feed(&r, STR("event: x\ndata: a\n\ndata: b\n\n"), note, &n), 0);
    EXPECT_I64(mem_visited(), 0);
    EXPECT_I64(n.count, 2);
    notes_fini(&n);
    sse_reader_fini(&r);
}

static int ignore(const struct sse_event *ev, void *ctx)
{
    (void)ev, (void)ctx;
    return 0;
}

static int torture_read(void *ctx)
{
    (void)ctx;
    struct sse_reader r;
    sse_reader_init(&r, 4096);
    int rc = sse_feed(&r, STR("data: a\ndata: b\n\ndata: c"), ignore, NULL);
    if (rc == 0)
        rc = sse_feed(&r, STR("\ndata: d\n\n"), ignore, NULL);
    if (rc == 0)
        rc = sse_finish(&r, ignore, NULL);
    sse_reader_fini(&r);
    return rc;
}

TEST(reading_survives_every_failed_allocation)
{
    EXPECT(test_torture("sse_feed", torture_read, NULL) >= 2);
}
