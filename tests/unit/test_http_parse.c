/* test_http_parse.c: request heads and chunked bodies, good and bad, whole and in pieces. */
#include "base/err.h"
#include "net/http_parse_priv.h"
#include "test.h"

enum { HEAD_MAX = 1024, FIELDS_MAX = 8 };

struct parsed { /* a head and what became of it; everything points into `text` and `field` */
    char text[HEAD_MAX];
    struct http_header field[FIELDS_MAX];
    struct http_request r;
    struct http_framing f;
    size_t taken;
    int status; /* 0, HTTP_SCAN_MORE is -1, or the refusal */
    const char *why;
};

static void parse(struct parsed *p, struct str bytes)
{
    struct http_scan scan = {0};
    *p = (struct parsed){.status = -1};
    int rc = http_head_scan(&scan, bytes, HEAD_MAX, &p->why);
    if (rc == HTTP_SCAN_MORE)
        return;
    p->status = rc;
    if (rc != HTTP_SCAN_DONE)
        return;
    p->taken = scan.pos;
    size_t len = scan.pos - scan.start, fields = scan.lines - 1 < FIELDS_MAX ? scan.lines - 1 : FIELDS_MAX;
    memcpy(p->text, bytes.ptr + scan.start, len);
    p->status = http_head_parse(p->text, len, p->field, fields, &p->r, &p->f, &p->why);
}

TEST(a_request_is_taken_apart)
{
    struct parsed p;
    struct str text = STR("POST /v1/chat?x=1?2 HTTP/1.1\r\nHost: a.b:80\r\nX-EMPTY:\r\nX-Two: \t a  b \t\r\n"
                          "Content-Length: 12\r\n\r\nbody of the");
    parse(&p, text);
    REQUIRE(p.status == 0);
    EXPECT_I64(p.taken, text.len - 11);
    EXPECT_I64(p.r.method, HTTP_POST);
    EXPECT_STR(p.r.method_text, "POST");
    EXPECT_STR(p.r.target, "/v1/chat?x=1?2");
    EXPECT_STR(p.r.path, "/v1/chat");
    EXPECT_STR(p.r.query, "x=1?2");
    EXPECT_I64(p.r.minor, 1);
    EXPECT_STR(p.r.host, "a.b:80");
    EXPECT_I64(p.r.header_count, 4);
    EXPECT_STR(p.r.header[1].name, "x-empty");
    EXPECT_STR(p.r.header[1].value, "");
    EXPECT_STR(http_request_header(&p.r, "x-two"), "a  b");
    EXPECT(http_request_header(&p.r, "x-none").ptr == NULL);
    EXPECT_I64(p.r.body_length, 12);
    EXPECT(p.f.keep_alive && !p.f.expect_continue);
}

TEST(methods_are_known_by_their_exact_name)
{
    static const struct {
        const char *text;
        enum http_method method;
    } t[] = {{"GET", HTTP_GET},        {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},       {"PUT", HTTP_PUT},
             {"PATCH", HTTP_PATCH},    {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS}, {"get", HTTP_OTHER},
             {"PROPFIND", HTTP_OTHER}, {"M-SEARCH", HTTP_OTHER}};
    for (size_t i = 0; i < COUNT_OF(t); i++) {
        struct parsed p;
        struct buf b = BUF_INIT(HEAD_MAX);
        EXPECT(buf_append_format(&b, "%s / HTTP/1.1\r\nhost: x\r\n\r\n", t[i].text) == 0);
        parse(&p, buf_str(&b));
        EXPECT_I64(p.status, 0);
        EXPECT_I64(p.r.method, t[i].method);
        EXPECT_STR(p.r.method_text, t[i].text);
        buf_fini(&b);
    }
}

/* Heads that are accepted, with what they say about the body and the connection. */
TEST(proper_heads_are_accepted)
{
    static const struct {
        const char *text;
        int64_t length;
        bool keep, expect;
    } t[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, true, false},
        {"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, true, false},
        {"GET / HTTP/1.0\r\n\r\n", 0, false, false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 0, true, false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: foo , CLOSE\r\n\r\n", 0, false, false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", 0, false, false},
        {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0, true, false},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 0, true, false},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 007\r\n\r\n", 7, true, false},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n", -1, true, false},
        {"POST / HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\nExpect: 100-Continue\r\n\r\n", 5, true, true},
        {"POST / HTTP/1.0\r\ncontent-length: 5\r\nExpect: 100-continue\r\n\r\n", 5, false, false},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Encoding: identity\r\n\r\n", 0, true, false},
        {"GET /\x7e!$&'()*+,;=:@%7f HTTP/1.1\r\nHost: x\r\nX: caf\xc3\xa9\r\n\r\n", 0, true, false},
    };
    for (size_t i = 0; i < COUNT_OF(t); i++) {
        struct parsed p;
        parse(&p, str_from(t[i].text));
        if (p.status != 0)
            test_fail(__FILE__, __LINE__, "row %zu: %d %s", i, p.status, p.why ? p.why : "");
        EXPECT_I64(p.f.content_length, t[i].length);
        EXPECT_I64(p.r.body_length, t[i].length);
        EXPECT_I64(p.f.keep_alive, t[i].keep);
        EXPECT_I64(p.f.expect_continue, t[i].expect);
    }
}

#define G "GET / HTTP/1.1\r\nHost: x\r\n"
TEST(improper_heads_are_refused_with_their_status)
{
    static const struct {
        int status;
        struct str text;
    } t[] = {
#define ROW(status, text)          \
    {                              \
        status,                    \
        {                          \
            text, sizeof(text) - 1 \
        }                          \
    }
        ROW(400, "\x16\x03\x01\x02"), /* TLS */
        ROW(400, " GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET / HTTP/1.1\nHost: x\n\n"),
        ROW(400, G "X: y\n\r\n"),
        ROW(400, "GET / HTTP/1.1\r\nHost: x\r\n\n"),
        ROW(400, "GET /\r\n\r\n"),
        ROW(400, "GET\r\n\r\n"),
        ROW(400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET /  HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"),
        ROW(400, "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET /#f HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET / http/1.1\r\nHost: x\r\n\r\n"),
        ROW(400, "GET / HTTP/11\r\nHost: x\r\n\r\n"),
        ROW(400, "GET / HTTP/1.\r\nHost: x\r\n\r\n"),
        ROW(505, "GET / HTTP/1.2\r\nHost: x\r\n\r\n"),
        ROW(505, "GET / HTTP/0.9\r\nHost: x\r\n\r\n"),
        ROW(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ROW(400, G " folded\r\n\r\n"),
        ROW(400, G "X: a\r\n\tfolded\r\n\r\n"),
        ROW(400, G "X : y\r\n\r\n"),
        ROW(400, G ": y\r\n\r\n"),
        ROW(400, G "X\r\n\r\n"),
        ROW(400, G "X y: z\r\n\r\n"),
        ROW(400, G "X\xc3: z\r\n\r\n"),
        ROW(400, G "X: a\0b\r\n\r\n"),
        ROW(400, G "X: a\rb\r\n\r\n"),
        ROW(400, G "X: a\r\r\n\r\n"),
        ROW(400, G "X: a\x7f"
                   "b\r\n\r\n"),
        ROW(400, G "X: 12345678901234567890\x0b\r\n\r\n"),
        ROW(400, "GET / HTTP/1.1\r\n\r\n"),
        ROW(400, G "Host: x\r\n\r\n"),
        ROW(400, "GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n"),
        ROW(400, G "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
        ROW(400, G "Content-Length: 5, 5\r\n\r\n"),
        ROW(400, G "Content-Length: +5\r\n\r\n"),
        ROW(400, G "Content-Length: -5\r\n\r\n"),
        ROW(400, G "Content-Length: 0x5\r\n\r\n"),
        ROW(400, G "Content-Length: 5 5\r\n\r\n"),
        ROW(400, G "Content-Length:\r\n\r\n"),
        ROW(413, G "Content-Length: 99999999999999999999\r\n\r\n"),
        ROW(400, G "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ROW(400, G "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"),
        ROW(400, G "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ROW(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ROW(501, G "Transfer-Encoding: gzip, chunked\r\n\r\n"),
        ROW(501, G "Transfer-Encoding: chunked, chunked\r\n\r\n"),
        ROW(501, G "Transfer-Encoding: identity\r\n\r\n"),
        ROW(501, G "Transfer-Encoding: xchunked\r\n\r\n"),
        ROW(501, G "Transfer-Encoding:\r\n\r\n"),
        ROW(415, G "Content-Encoding: gzip\r\n\r\n"),
        ROW(417, G "Expect: 200-maybe\r\n\r\n"),
        ROW(431, G "A:1\r\nB:1\r\nC:1\r\nD:1\r\nE:1\r\nF:1\r\nG:1\r\nH:1\r\n\r\n"),
    };
    for (size_t i = 0; i < COUNT_OF(t); i++) {
        struct parsed p;
        parse(&p, t[i].text);
        if (p.status != t[i].status)
            test_fail(__FILE__, __LINE__, "row %zu (%.*s): %d, expected %d", i, STR_FMT(t[i].text), p.status,
                      t[i].status);
        EXPECT(p.status == 0 || (p.why && *p.why));
    }
}

TEST(a_host_is_a_name_or_an_address_with_perhaps_a_port)
{
    static const struct {
        bool good;
        const char *host;
    } t[] = {
        {true, "x"},
        {true, "a-b.c_d.EXAMPLE"},
        {true, "127.0.0.1:4242"},
        {true, "[::1]"},
        {true, "[2001:db8::7]:80"},
        {true, "x:0"},
        {true, "x:65535"},
        {false, ""},
        {false, ":80"},
        {false, "x:"},
        {false, "x:65536"},
        {false, "x:-1"},
        {false, "x:8 0"},
        {false, "x:1:2"},
        {false, "user@x"},
        {false, "x/y"},
        {false, "a b"},
        {false, "::1"},
        {false, "[::1"},
        {false, "[]"},
        {false, "[x]"},
        {false, "[::1]x"},
        {false, "[::1%eth0]"},
        {false, "x,y"},
        {false, "x:000080"},
        {false, "[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]"},
    };
    for (size_t i = 0; i < COUNT_OF(t); i++) {
        struct parsed p;
        struct buf b = BUF_INIT(HEAD_MAX);
        EXPECT(buf_append_format(&b, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", t[i].host) == 0);
        parse(&p, buf_str(&b));
        if ((p.status == 0) != t[i].good)
            test_fail(__FILE__, __LINE__, "Host \"%s\": %d", t[i].host, p.status);
        buf_fini(&b);
    }
}

TEST(a_refused_head_still_tells_what_was_understood)
{
    struct parsed p;
    parse(&p, STR("POST /v1/messages?a=b HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n"));
    EXPECT_I64(p.status, 400);
    EXPECT_STR(p.r.path, "/v1/messages");
    EXPECT_STR(p.r.host, "x");
    parse(&p, STR("POST v1/messages HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_I64(p.status, 400);
    EXPECT_STR(p.r.path, "");
}

TEST(a_head_may_be_as_long_as_the_limit_and_no_longer)
{
    char text[HEAD_MAX + 1];
    memset(text, 'a', sizeof text);
    memcpy(text, G "X: ", sizeof(G) + 2);
    memcpy(text + HEAD_MAX - 4, "\r\n\r\n", 4);
    struct parsed p;
    parse(&p, str_of(text, HEAD_MAX));
    EXPECT_I64(p.status, 0);
    memset(text, 'a', sizeof text);
    memcpy(text, G "X: ", sizeof(G) + 2);
    memcpy(text + HEAD_MAX - 3, "\r\n\r\n", 4);
    parse(&p, str_of(text, HEAD_MAX + 1));
    EXPECT_I64(p.status, 431);
    memset(text, 'a', sizeof text);
    parse(&p, str_of(text, HEAD_MAX));
    EXPECT_I64(p.status, 414);
}

TEST(the_end_of_a_head_is_found_however_it_is_cut)
{
    const struct str t[] = {STR("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\nrest"), STR("GET / HTTP/1.1\r\nHost: x\n\r\n"),
                            STR("\r\n\r\nGET")};
    for (size_t i = 0; i < COUNT_OF(t); i++)
        for (size_t cut = 0; cut <= t[i].len; cut++) {
            const char *why;
            struct http_scan whole = {0}, parts = {0};
            int a = http_head_scan(&whole, t[i], HEAD_MAX, &why);
            int b = http_head_scan(&parts, str_of(t[i].ptr, cut), HEAD_MAX, &why);
            if (b == HTTP_SCAN_MORE)
                b = http_head_scan(&parts, t[i], HEAD_MAX, &why);
            EXPECT_I64(a, b);
            EXPECT(a != HTTP_SCAN_DONE || memcmp(&whole, &parts, sizeof whole) == 0);
        }
}

TEST(control_characters_are_found_at_every_place)
{
    char text[40];
    for (int c = 0; c < 256; c++)
        for (size_t at = 0; at < 20; at++) {
            memset(text, 0x80 + (c & 0x7f), sizeof text);
            text[at] = (char)c;
            bool control = (c < 0x20 && c != '\t') || c == 0x7f;
            EXPECT(http_find_control(text, text + 20) == text + (control ? at : 20));
        }
}

/* --- chunked */

#define BAD(rc, text)                      \
    {                                      \
        rc, {text, sizeof(text) - 1}, NULL \
    }
#define GOOD(rc, text, out)               \
    {                                     \
        rc, {text, sizeof(text) - 1}, out \
    }
TEST(chunked_bodies_are_decoded_whole_and_byte_by_byte)
{
    static const struct {
        int rc; /* 1 complete, 0 unfinished, or the error */
        struct str in;
        const char *out;
    } t[] = {
        GOOD(1, "0\r\n\r\n", ""),
        GOOD(1, "5\r\nhello\r\n0\r\n\r\n", "hello"),
        GOOD(1, "5\r\nhello\r\n006\r\n world\r\n0\r\n\r\n", "hello world"),
        GOOD(1, "A\r\n0123456789\r\n000\r\n\r\n", "0123456789"),
        GOOD(1, "a;x=y; z\r\n0123456789\r\n0;last\r\nT: v\r\nU:\r\n\r\n", "0123456789"),
        GOOD(0, "5\r\nhel", "hel"),
        GOOD(0, "5", ""),
        GOOD(0, "0\r\n", ""),
        GOOD(0, "", ""),
        GOOD(0, "0\r\nT: v\r\n", ""),
        BAD(ERR_SYNTAX, "\r\n"),
        BAD(ERR_SYNTAX, "g\r\n"),
        BAD(ERR_SYNTAX, "-5\r\n"),
        BAD(ERR_SYNTAX, "0x5\r\n"),
        BAD(ERR_SYNTAX, " 5\r\n"),
        BAD(ERR_SYNTAX, "5 \r\n"),
        BAD(ERR_SYNTAX, "5\nhello"),
        BAD(ERR_SYNTAX, "5\rX"),
        BAD(ERR_SYNTAX, "5\r\nhelloX"),
        BAD(ERR_SYNTAX, "5\r\nhello\n"),
        BAD(ERR_SYNTAX, "5\r\nhello\rX"),
        BAD(ERR_SYNTAX, "5;a\x01\r\n"),
        BAD(ERR_SYNTAX, "0\r\n\rX"),
        BAD(ERR_SYNTAX, "0\r\n folded\r\n\r\n"),
        BAD(ERR_SYNTAX, "0\r\nT v\r\n\r\n"),
        BAD(ERR_SYNTAX, "0\r\nT: v\n\r\n"),
        BAD(ERR_SYNTAX, "0\r\nT: \0\r\n\r\n"),
        BAD(ERR_LIMIT, "000000000005\r\n"),
        BAD(ERR_LIMIT, "41\r\n"),
        BAD(ERR_LIMIT, "ffffffff\r\n"),
    };
    for (size_t i = 0; i < COUNT_OF(t); i++)
        for (size_t step = 1; step <= 64; step *= 64) {
            struct buf out = BUF_INIT(64);
            struct http_chunked d = {0};
            int rc = 0;
            size_t at = 0, used = 0;
            while (rc == 0 && at < t[i].in.len) {
                size_t n = t[i].in.len - at < step ? t[i].in.len - at : step;
                rc = http_chunked_feed(&d, str_of(t[i].in.ptr + at, n), &out, &used);
                at += rc < 0 ? n : used;
            }
            if (rc != t[i].rc)
                test_fail(__FILE__, __LINE__, "row %zu in steps of %zu: %d, expected %d", i, step, rc, t[i].rc);
            if (rc >= 0) {
                EXPECT_I64(at, t[i].in.len);
                EXPECT_STR(buf_str(&out), t[i].out);
            }
            buf_fini(&out);
        }
    struct buf out = BUF_INIT(64);
    struct http_chunked d = {0};
    size_t used;
    EXPECT_I64(http_chunked_feed(&d, STR("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /"), &out, &used), 1);
    EXPECT_STR(buf_str(&out), "hello world");
    EXPECT_I64(used, 26);
    buf_fini(&out);
}

TEST(a_chunked_body_may_be_as_large_as_the_limit_and_no_larger)
{
    struct http_chunked d = {0};
    struct buf out = BUF_INIT(10);
    size_t used;
    EXPECT_I64(http_chunked_feed(&d, STR("6\r\n123456\r\n4\r\n7890\r\n0\r\n\r\n"), &out, &used), 1);
    buf_clear(&out);
    d = (struct http_chunked){0};
    EXPECT_I64(http_chunked_feed(&d, STR("6\r\n123456\r\n5\r\n"), &out, &used), ERR_LIMIT); /* before its data came */
    buf_fini(&out);
}

TEST(extensions_and_trailers_are_bounded_over_the_whole_body)
{
    struct http_chunked d = {0};
    struct buf out = BUF_INIT(1 << 20);
    size_t used;
    int rc = 0, chunks = 0;
    char text[200] = "1;";
    memset(text + 2, 'e', 100);
    memcpy(text + 102, "\r\nx\r\n", 5);
    while (rc == 0 && chunks++ < 1000)
        rc = http_chunked_feed(&d, str_of(text, 107), &out, &used);
    EXPECT_I64(rc, ERR_SYNTAX);
    EXPECT(chunks > 100 && chunks < 200);
    buf_fini(&out);
}

static int decode(void *ctx)
{
    (void)ctx;
    struct http_chunked d = {0};
    struct buf out = BUF_INIT(1000);
    size_t used;
    char text[160] = "64\r\n";
    memset(text + 4, 'x', 100);
    memcpy(text + 104, "\r\n1\r\ny\r\n0\r\n\r\n", 14);
    int rc = http_chunked_feed(&d, str_of(text, 118), &out, &used);
    buf_fini(&out);
    return rc == 1 ? 0 : rc;
}

TEST(the_decoder_survives_every_failing_allocation)
{
    test_torture("http_chunked", decode, NULL);
}
