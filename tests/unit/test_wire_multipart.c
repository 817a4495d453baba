/* test_wire_multipart.c: forms, whole and in every two and three pieces; and what is refused. */
#include "test.h"
#include "wire/multipart.h"

struct seen {
    struct buf text; /* "name[f]@begin=content@end;" */
    int fail_at;
};

static int on_part(void *ctx, const struct multipart_part *p, struct err *e)
{
    (void)e;
    return buf_append_format(&((struct seen *)ctx)->text, "%.*s%s@%llu=", STR_FMT(p->name), p->has_filename ? "[f]" : "",
                             (unsigned long long)p->begin);
}

static int on_data(void *ctx, struct str bytes, struct err *e)
{
    (void)e;
    EXPECT(bytes.len > 0);
    return buf_append(&((struct seen *)ctx)->text, bytes);
}

static int on_end(void *ctx, uint64_t at, struct err *e)
{
    (void)e;
    return buf_append_format(&((struct seen *)ctx)->text, "@%llu;", (unsigned long long)at);
}

static const struct multipart_handler handler = {on_part, on_data, on_end};

/* Fed in pieces of up to `a` and then `b` bytes. */
static int read_form(struct str body, size_t a, size_t b, struct seen *s, struct err *e)
{
    struct multipart m;
    int rc = multipart_open(&m, STR("multipart/form-data; boundary=\"xy-z\""), &handler, s, e);
    for (size_t at = 0, n = a; rc == 0 && at < body.len; at += n, n = b)
        rc = multipart_feed(&m, str_slice(body, at, at + n), e);
    rc = rc ? rc : multipart_end(&m, e);
    multipart_fini(&m);
    return rc;
}

#define CD "content-disposition: form-data; "
#define B "--xy-z"

TEST(parts_are_found_however_the_body_is_cut)
{
    static const struct {
        struct str body;
        const char *want;
    } cases[] = {
        {STR(B "--"), ""},
        {STR(B "--\r\n"), ""},
        {STR(B "\r\n" CD "name=\"a\"\r\n\r\n1\r\n" B "--\r\n"), "a@52=1@53;"},
        {STR(B "\r\nContent-Disposition:form-data;name=a\r\n\r\n\r\n" B "--"), "a@48=@48;"},
        {STR(B "\r\n" CD "name=\"f\"; filename=\"\xc3\xa4 \\\"q\\\"; x.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n\r\n--xy-\r\n\r\n\r\r\n--xy-y\r\n" B
             "\r\n" CD "name=\"n[]\"\r\n\r\n\r\n\r\n" B "--"),
         "f[f]@106=\r\n--xy-\r\n\r\n\r\r\n--xy-y@126;n[]@182=\r\n@184;"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t a = 1; a <= cases[i].body.len; a++)
            for (size_t b = 1; b <= 7; b++) {
                struct seen s = {.text = BUF_INIT(MiB)};
                struct err e = {0};
                int rc = read_form(cases[i].body, a, b, &s, &e);
                if (rc || !str_eq(buf_str(&s.text), str_from(cases[i].want)))
                    test_fail(__FILE__, __LINE__, "%zu in %zu, %zu: %d %s, got %.*s", i, a, b, rc, e.text, STR_FMT(buf_str(&s.text)));
                buf_fini(&s.text);
            }
}

TEST(what_two_readers_could_understand_in_two_ways_is_refused)
{
    static const struct {
        struct str body;
        const char *story;
    } cases[] = {
        {STR(""), "it breaks off"},
        {STR(B), "it breaks off"},
        {STR(B "-"), "it breaks off"},
        {STR("\r\n" B "--"), "it does not begin with its boundary"},
        {STR("preamble\r\n" B "--"), "it does not begin with its boundary"},
        {STR("--xy-Z--"), "it does not begin with its boundary"},
        {STR(B "\n" CD "name=\"a\"\n\n1\n" B "--"), "a boundary is followed by something else"},
        {STR(B " \r\n"), "a boundary is followed by something else"},
        {STR(B "\r\r"), "does not end with CRLF"},
        {STR(B "-x"), "a boundary is followed by something else"},
        {STR(B "--x"), "something follows the last boundary"},
        {STR(B "--\r\n\r\n"), "something follows the last boundary"},
        {STR(B "\r\n" CD "name=\"a\"\n\r\n1\r\n" B "--"), "does not end with CRLF"},
        {STR(B "\r\n" CD "name=\"a\"\r\n\r1"), "does not end with CRLF"},
        {STR(B "\r\n\r\n1\r\n" B "--"), "a part has no name"},
        {STR(B "\r\n" CD "\r\n\r\n1\r\n" B "--"), "a part has no name"},
        {STR(B "\r\n" CD "name=\"\"\r\n\r\n1\r\n" B "--"), "a part has no name"},
        {STR(B "\r\n" CD "name=\"a\"; name=\"b\"\r\n\r\n1\r\n" B "--"), "two names"},
        {STR(B "\r\n" CD "name=\"a\"\r\n" CD "name=\"b\"\r\n\r\n1\r\n" B "--"), "two content-dispositions"},
        {STR(B "\r\ncontent-disposition: attachment; name=\"a\"\r\n\r\n1\r\n" B "--"), "not form-data"},
        {STR(B "\r\n" CD "name=\"a\r\n\r\n1\r\n" B "--"), "a content-disposition cannot be read"},
        {STR(B "\r\n" CD "name=a b\r\n\r\n1\r\n" B "--"), "a content-disposition cannot be read"},
        {STR(B "\r\n" CD "name=\"a\"\r\ncontent-transfer-encoding: base64\r\n\r\n1\r\n" B "--"), "a transfer encoding"},
        {STR(B "\r\n" CD "name=\"a\"\r\n folded: 1\r\n\r\n1\r\n" B "--"), "a line that is no field"},
        {STR(B "\r\n" CD "name=\"a\"\r\nx : 1\r\n\r\n1\r\n" B "--"), "a line that is no field"},
        {STR(B "\r\n" CD "name=\"a\"\r\nx: \0\r\n\r\n1\r\n" B "--"), "a control character"},
        {STR(B "\r\n" CD "name=\"a\"\r\n\r\n1\r\n" B), "it breaks off"},
        {STR(B "\r\n" CD "name=\"a\"\r\n\r\n1\n" B "--\r\n"), "it breaks off"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t piece = 1; piece < 100; piece += 33) {
            struct seen s = {.text = BUF_INIT(MiB)};
            struct err e = {0};
            int rc = read_form(cases[i].body, piece, piece, &s, &e);
            if (rc != ERR_INVALID || str_find(str_from(e.text), str_from(cases[i].story)) < 0)
                test_fail(__FILE__, __LINE__, "%zu: %d \"%s\", expected \"%s\"", i, rc, e.text, cases[i].story);
            buf_fini(&s.text);
        }
}

TEST(a_head_and_the_number_of_parts_have_bounds)
{
    AUTO_BUF struct buf body = BUF_INIT(4 * MiB);
    struct seen s = {.text = BUF_INIT(MiB)};
    struct err e = {0};
    for (int i = 0; i <= MULTIPART_PARTS_MAX; i++)
        EXPECT_I64(buf_append_text(&body, B "\r\n" CD "name=\"a\"\r\n\r\n1\r\n"), 0);
    EXPECT_I64(read_form(buf_str(&body), 1000, 1000, &s, &e), ERR_INVALID);
    EXPECT_STR(str_from(e.text), "the multipart body is malformed: it has too many parts");
    buf_clear(&body);
    EXPECT_I64(buf_append_text(&body, B "\r\n" CD "name=\"a\"\r\nx: "), 0);
    for (int i = 0; i < MULTIPART_HEAD_MAX; i++)
        EXPECT_I64(buf_append_char(&body, 'x'), 0);
    EXPECT_I64(read_form(buf_str(&body), 1000, 1000, &s, &e), ERR_INVALID);
    EXPECT_STR(str_from(e.text), "the multipart body is malformed: a part's head is too long");
    buf_fini(&s.text);
}

TEST(the_type_must_name_a_proper_boundary)
{
    static const char *const good[] = {"multipart/form-data; boundary=x", "Multipart/Form-Data;boundary=\"a b\"", "multipart/form-data; charset=utf-8; BOUNDARY=----WebKit_'()+,-./:=?"};
    static const char *const bad[] = {"", "application/json", "multipart/mixed; boundary=x", "multipart/form-data", "multipart/form-datax; boundary=x",
                                      "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"", "multipart/form-data; boundary=\"a \"",
                                      "multipart/form-data; boundary=x; boundary=y", "multipart/form-data; boundary=\"x", "multipart/form-data; boundary=\"a\\\"b\"",
                                      "multipart/form-data; boundary=\"a\tb\"", "multipart/form-data boundary=x",
                                      "multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901"};
    struct multipart m;
    struct err e;
    for (size_t i = 0; i < COUNT_OF(good) - 1; i++)
        EXPECT_I64(multipart_open(&m, str_from(good[i]), &handler, NULL, &e), 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (multipart_open(&m, str_from(bad[i]), &handler, NULL, &e) != ERR_INVALID)
            test_fail(__FILE__, __LINE__, "%s is taken", bad[i]);
}
