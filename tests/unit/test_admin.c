/* test_admin.c: the admin API against its description, docs/reference/openapi.json: every path it names answers as it says,
 * every path that is served is named; and the clerk that does what may wait. */
#include "config/config.h"
#include "gateway/admin_priv.h"
#include "ledger/ledger.h"
#include "ledger_kit.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "test.h"
#include <netinet/in.h>
#include <sys/socket.h>

#define PAGE "docs/reference/openapi.json"
#define YAML "upstreams:\n  a: { url: \"http://127.0.0.1:9/v1\", place: home }\n  plan: { url: \"http://127.0.0.1:9/v1\", key: passthrough, regime: plan, plan: { windows: [5h] } }\njobs:\n  bulk: { chain: [a/m] }\n"
enum { TURN_MS = 20, LIMIT_MS = 10000 * SLOWER };

struct house {
    struct kit_dir dir;
    struct config *config;
    struct ledger *ledger;
    struct resolver *names;
    struct mesh *mesh;
    struct loop *loop;
    struct mesh_loop *ml;
    struct news *news;
    struct gateway *gateway;
    struct gateway_loop *gl;
    int listener;
    char token[128];
};

static void house_close(struct house *h)
{
    gateway_loop_close(h->gl);
    mesh_loop_close(h->ml);
    loop_close(h->loop);
    if (h->listener >= 0)
        close(h->listener);
    gateway_close(h->gateway);
    mesh_close(h->mesh);
    resolver_close(h->names);
    ledger_close(h->ledger);
    news_close(h->news);
    config_free(h->config);
    kit_remove(h->dir.path);
}

static bool read_token(struct house *h)
{
    AUTO_BUF struct buf text = BUF_INIT(4 * KiB);
    char path[256];
    kit_join(path, h->dir.path, "admin-token");
    if (buf_read_file(&text, path, NULL) < 0)
        return false;
    text_format(h->token, sizeof h->token, "%.*s", STR_FMT(str_trim(buf_str(&text))));
    return true;
}

struct reload {
    gateway_told_fn *told;
    void *arg;
};

static void tell(void *reload)
{
    struct reload *r = reload;
    r->told(r->arg, 0, STR("`loops` is another one now: that takes effect with a restart\n"));
    mem_free(r);
}

static int reload(void *ctx, struct loop *l, gateway_told_fn *told, void *arg)
{
    (void)ctx;
    struct reload *r = new0(struct reload);
    *r = (struct reload){told, arg};
    return loop_post(l, tell, r);
}

/* The call of the page's example: one candidate skipped, one asked, with all that can be told of either. */
static bool book_a_call(struct house *h)
{
    struct ledger_writer *w;
    struct id id;
    if (ledger_writer_open(&w, h->ledger, 7, NULL) < 0 || !id_from_text(STR("01ARZ3NDEKTSV4RRFFQ69G5FAV"), &id))
        return false;
    bool fine =
        ledger_call_opened(w, &(struct ledger_call_open){.call = id, .job = STR("bulk"), .asked = STR("gpt-4o"), .key = STR("-"), .tags = STR("x,y")}) == 0 &&
        ledger_attempt_opened(w, &(struct ledger_attempt_open){.call = id, .attempt = 1, .target = STR("a/m"), .price_row = -1}) == 0 &&
        ledger_attempt_closed(w, &(struct ledger_attempt_close){.call = id, .attempt = 1, .ok = true, .reason = STR("done"), .usage = {.input = 9, .output = 1, .cost_nusd = -1, .reported = true}}) == 0 &&
        ledger_call_closed(w, &(struct ledger_call_close){
            .call = id, .outcome = CALL_DONE, .target = STR("a/m"), .attempts = 1, .http_status = 200,
            .story = STR("{\"dialect\":\"anthropic\",\"skips\":[{\"target\":\"p/m\",\"reason\":\"plan_spent\",\"back_ms\":9,\"note\":\"5h\"}],"
                         "\"attempts\":[{\"n\":1,\"face\":\"openai\",\"beside\":1,\"probe\":true}],\"prices\":[{\"target\":\"a/m\",\"nusd\":5,\"cached\":3}],"
                         "\"conversation\":{\"at\":\"p/m\",\"prefix\":2048,\"stayed\":false},\"lost\":[\"thinking\"]}")}) == 0 &&
        ledger_flush(w, NULL) == 0;
    ledger_writer_close(w);
    return fine;
}

static bool house_open(struct house *h)
{
    struct err e = {0};
    *h = (struct house){.dir = kit_dir_make(), .listener = -1};
    struct str dir = str_from(h->dir.path);
    const struct clock *clock = clock_system();
    bool fine =
        config_read(&h->config, STR(YAML), STR("t.yaml"), &e) == 0 &&
        ledger_open(&h->ledger, &(struct ledger_options){.dir = dir, .clock = clock}, &e) == 0 &&
        resolver_open(&h->names, &(struct resolver_options){.clock = clock}, &e) == 0 &&
        mesh_open(
            &h->mesh,
            &(struct mesh_options){.config = h->config, .ledger = h->ledger, .resolver = h->names, .clock = clock},
            &e) == 0 &&
        loop_open(&h->loop, &(struct loop_options){.clock = clock}, &e) == 0 &&
        mesh_loop_open(&h->ml, &(struct mesh_loop_options){.mesh = h->mesh, .loop = h->loop}, &e) == 0 &&
        news_open(&h->news, clock_wall_ms(clock), &e) == 0 &&
        gateway_open(&h->gateway,
                     &(struct gateway_options){.config = h->config, .mesh = h->mesh, .data_dir = dir, .control = {.reload = reload}, .news = h->news},
                     &e) == 0 &&
        gateway_loop_open(&h->gl, h->gateway, h->loop, h->ml, NULL, &e) == 0 &&
        http_listener_open(&h->listener, STR("127.0.0.1:0"), &e) == 0 && gateway_loop_listen(h->gl, h->listener) == 0 &&
        read_token(h) && book_a_call(h);
    if (!fine) {
        test_fail(__FILE__, __LINE__, "the house does not open: %s", e.text);
        house_close(h);
    }
    return fine;
}

static int dial(const struct house *h)
{
    struct sockaddr_in to;
    socklen_t len = sizeof to;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (getsockname(h->listener, (struct sockaddr *)&to, &len) < 0 || connect(fd, (struct sockaddr *)&to, len) < 0)
        test_fail(__FILE__, __LINE__, "dial: errno %d", errno);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* One request to its end: the status, 0 when none came; `reply` gets head and body. */
static int request(struct house *h, const char *method, const char *path, bool token, struct str body,
                   struct buf *reply)
{
    AUTO_BUF struct buf ask = BUF_INIT(1 * MiB);
    int64_t until = clock_mono_us(clock_system()) + LIMIT_MS * 1000;
    char bytes[16384];
    uint64_t status = 0;
    (void)buf_append_format(&ask, "%s %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n", method, path);
    if (token)
        (void)buf_append_format(&ask, "authorization: Bearer %s\r\n", h->token);
    (void)buf_append_format(&ask, "content-type: application/json\r\ncontent-length: %zu\r\n\r\n%.*s", body.len,
                            STR_FMT(body));
    int fd = dial(h);
    ssize_t n = send(fd, ask.ptr, ask.len, MSG_NOSIGNAL);
    EXPECT(n == (ssize_t)ask.len);
    buf_clear(reply);
    while ((n = recv(fd, bytes, sizeof bytes, 0)) != 0 && clock_mono_us(clock_system()) < until) {
        if (n > 0)
            (void)buf_append(reply, str_of(bytes, (size_t)n));
        else
            loop_turn(h->loop, TURN_MS);
    }
    close(fd);
    return reply->len > 12 && str_to_u64(str_of(reply->ptr + 9, 3), &status) ? (int)status : 0;
}

static struct str body_of(const struct buf *reply)
{
    ptrdiff_t end = str_find(buf_str(reply), STR("\r\n\r\n"));
    return end < 0 ? STR_NONE : str_skip(buf_str(reply), (size_t)end + 4);
}

/* --- a value against a schema --------------------------------------------------------------------------------------------- */

static bool is_type(const struct json_node *v, struct str type)
{
    int64_t n;
    if (str_eq(type, STR("integer")))
        return v->type == JSON_NUMBER && json_to_i64(v->text, &n);
    if (str_eq(type, STR("boolean")))
        return v->type == JSON_TRUE || v->type == JSON_FALSE;
    static const struct {
        const char *name;
        enum json_type type;
    } of[] = {{"string", JSON_STRING}, {"null", JSON_NULL}, {"array", JSON_ARRAY}, {"object", JSON_OBJECT}};
    for (size_t i = 0; i < COUNT_OF(of); i++)
        if (str_eq(type, str_from(of[i].name)))
            return v->type == of[i].type;
    return false;
}

static bool fits_type(const struct json_node *v, const struct json_node *type)
{
    if (!type || type->type == JSON_STRING)
        return type && is_type(v, type->text);
    for (const struct json_node *t = type->child; t; t = t->next)
        if (is_type(v, t->text))
            return true;
    return false;
}

static bool is_among(const struct json_node *v, const struct json_node *list)
{
    for (const struct json_node *n = list->child; n; n = n->next)
        if (str_eq(n->text, v->text))
            return true;
    return false;
}

/* Types, required members, words; and nothing that is not described. */
static void check_schema(const char *where, const struct json_node *v, const struct json_node *schema)
{
    const struct json_node *properties = json_get(schema, "properties"), *required = json_get(schema, "required");
    const struct json_node *items = json_get(schema, "items"), *words = json_get(schema, "enum");
    if (!fits_type(v, json_get(schema, "type")) || (words && !is_among(v, words)))
        test_fail(__FILE__, __LINE__, "%s: `%.*s` is not as described: %.*s", where, STR_FMT(v->key), STR_FMT(v->text));
    for (const struct json_node *r = required ? required->child : NULL; r; r = r->next) {
        char name[64];
        text_format(name, sizeof name, "%.*s", STR_FMT(r->text));
        if (!json_get(v, name))
            test_fail(__FILE__, __LINE__, "%s: `%s` is described and not there", where, name);
    }
    for (const struct json_node *m = v->child; m; m = m->next) {
        char name[64];
        text_format(name, sizeof name, "%.*s", STR_FMT(m->key));
        const struct json_node *its = v->type == JSON_ARRAY ? items : json_get(properties, name);
        if (!its)
            test_fail(__FILE__, __LINE__, "%s: `%s` is there and not described", where, name);
        else
            check_schema(where, m, its);
    }
}

/* --- the description ------------------------------------------------------------------------------------------------------- */

static bool read_page(struct arena *a, struct buf *text, struct json_node **root)
{
    struct err e = {0};
    if (buf_read_file(text, PAGE, &e) == 0 && json_parse(a, buf_str(text), root, &e) == 0)
        return true;
    test_fail(__FILE__, __LINE__, "%s", e.text);
    return false;
}

static void upper(char out[16], struct str s)
{
    for (size_t i = 0; i < s.len && i < 15; i++)
        out[i] = (char)(s.ptr[i] & ~0x20);
    out[s.len < 15 ? s.len : 15] = '\0';
}

/* The path with the examples of its parameters in it. */
static void write_path(struct buf *out, struct str path, const struct json_node *operation)
{
    const struct json_node *parameters = json_get(operation, "parameters");
    ptrdiff_t open = str_find_char(path, '{');
    char separator = '?';
    (void)buf_append(out, open < 0 ? path : str_slice(path, 0, (size_t)open));
    for (const struct json_node *p = parameters ? parameters->child : NULL; p; p = p->next) {
        struct str example = json_get_text(p, "example");
        if (!example.ptr)
            continue;
        if (str_eq(json_get_text(p, "in"), STR("query"))) {
            (void)buf_append_format(out, "%c%.*s=", separator, STR_FMT(json_get_text(p, "name")));
            separator = '&';
        }
        (void)buf_append(out, example);
    }
}

/* The one reference that the page makes is to the object of errors. */
static const struct json_node *schema_of(const struct json_node *root, const struct json_node *operation, int status)
{
    char text[8];
    text_format(text, sizeof text, "%d", status);
    const struct json_node *response = json_get(json_get(operation, "responses"), text);
    const struct json_node *schema = json_get(json_get(json_get(response, "content"), "application/json"), "schema");
    bool error = str_eq(json_get_text(schema, "$ref"), STR("#/components/schemas/error"));
    return error ? json_get(json_get(json_get(root, "components"), "schemas"), "error") : schema;
}

struct asked {
    const struct json_node *root, *operation;
    char what[256];
};

static void check_answer(const struct asked *q, int status, const struct buf *reply)
{
    struct arena a = ARENA_INIT(16 * MiB);
    struct json_node *body;
    const char *what = q->what;
    const struct json_node *schema = schema_of(q->root, q->operation, status);
    if (!schema)
        test_fail(__FILE__, __LINE__, "%s answered %d, which is not described: %.*s", what, status,
                  STR_FMT(buf_str(reply)));
    else if (json_parse(&a, body_of(reply), &body, NULL) < 0)
        test_fail(__FILE__, __LINE__, "%s answered no JSON: %.*s", what, STR_FMT(body_of(reply)));
    else
        check_schema(what, body, schema);
    arena_fini(&a);
}

static void check_operation(struct house *h, const struct json_node *root, struct str path,
                            const struct json_node *operation)
{
    struct asked q = {.root = root, .operation = operation};
    AUTO_BUF struct buf target = BUF_INIT(4 * KiB), reply = BUF_INIT(16 * MiB);
    char method[16];
    const struct json_node *sent =
        json_get(json_get(json_get(json_get(operation, "requestBody"), "content"), "application/json"), "example");
    upper(method, operation->key);
    write_path(&target, path, operation);
    text_format(q.what, sizeof q.what, "%s %s", method, buf_text(&target));
    int status = request(h, method, buf_text(&target), false, STR_NONE, &reply);
    EXPECT_I64(status, 401);
    check_answer(&q, status, &reply);
    if (json_get(json_get(json_get(json_get(operation, "responses"), "200"), "content"), "text/event-stream"))
        return; /* it has no end; see below */
    status = request(h, method, buf_text(&target), true, sent ? sent->text : STR_NONE, &reply);
    if (status < 200 || status > 299)
        test_fail(__FILE__, __LINE__, "%s answered %d", q.what, status);
    check_answer(&q, status, &reply);
}

TEST(every_path_of_the_description_answers_as_described)
{
    struct house h;
    struct arena a = ARENA_INIT(16 * MiB);
    AUTO_BUF struct buf text = BUF_INIT(1 * MiB);
    struct json_node *root;
    int count = 0;
    REQUIRE(read_page(&a, &text, &root));
    REQUIRE(house_open(&h));
    for (const struct json_node *p = json_get(root, "paths")->child; p; p = p->next)
        for (const struct json_node *operation = p->child; operation; operation = operation->next, count++)
            check_operation(&h, root, p->key, operation);
    EXPECT(count > 4);
    house_close(&h);
    arena_fini(&a);
}

TEST(every_path_that_is_served_is_described)
{
    struct arena a = ARENA_INIT(16 * MiB);
    AUTO_BUF struct buf text = BUF_INIT(1 * MiB);
    struct json_node *root;
    static const char *const methods[] = {
        [HTTP_GET] = "get", [HTTP_POST] = "post", [HTTP_PUT] = "put", [HTTP_PATCH] = "patch", [HTTP_DELETE] = "delete"};
    size_t rows = 0, described = 0;
    REQUIRE(read_page(&a, &text, &root));
    const struct json_node *paths = json_get(root, "paths");
    for (const struct admin_row *row; (row = admin_row(rows)); rows++)
        if (!json_get(json_get(paths, row->path), methods[row->method]))
            test_fail(__FILE__, __LINE__, "%s has no %s %s", PAGE, methods[row->method], row->path);
    for (const struct json_node *p = paths->child; p; p = p->next)
        described += p->count;
    EXPECT_I64(described, rows);
    arena_fini(&a);
}

/* --- events -------------------------------------------------------------------------------------------------------------------- */

/* A connection that has asked for the events, and the first `bytes` of what came. */
static int open_events(struct house *h, const char *header, const char *until, struct buf *got)
{
    AUTO_BUF struct buf ask = BUF_INIT(4 * KiB);
    int64_t limit = clock_mono_us(clock_system()) + LIMIT_MS * 1000;
    char bytes[16384];
    ssize_t n;
    int fd = dial(h);
    (void)buf_append_format(&ask, "GET /hearth/v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %s\r\n%s\r\n", h->token, header);
    EXPECT(send(fd, ask.ptr, ask.len, MSG_NOSIGNAL) == (ssize_t)ask.len);
    while (str_find(buf_str(got), str_from(until)) < 0 && clock_mono_us(clock_system()) < limit) {
        if ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
            (void)buf_append(got, str_of(bytes, (size_t)n));
        else
            loop_turn(h->loop, TURN_MS);
    }
    EXPECT(str_find(buf_str(got), str_from(until)) >= 0);
    return fd;
}

TEST(who_reads_events_reads_on_where_it_was_and_is_told_what_it_missed)
{
    struct house h;
    AUTO_BUF struct buf got = BUF_INIT(4 * MiB), header = BUF_INIT(1 * KiB);
    REQUIRE(house_open(&h));
    close(open_events(&h, "", "event: hello", &got));
    uint64_t before = news_newest(h.news);
    news_tell(h.news, "first", STR("{\"n\":1}"));
    news_tell(h.news, "second", STR("{\"n\":2}"));
    (void)buf_append_format(&header, "last-event-id: %llu\r\n", (unsigned long long)before + 1);
    buf_clear(&got);
    close(open_events(&h, buf_text(&header), "event: second\ndata: {\"n\":2}\n\n", &got));
    EXPECT(str_find(buf_str(&got), STR("event: first")) < 0 && str_find(buf_str(&got), STR("event: missed")) < 0);
    for (int i = 0; i < NEWS_KEPT; i++)
        news_tell(h.news, "more", STR("{}"));
    buf_clear(&got);
    close(open_events(&h, buf_text(&header), "event: missed\ndata: {\"count\":1}\n\n", &got));
    news_tell(h.news, "two\nlines", STR("{}\n"));
    EXPECT_I64((int64_t)news_newest(h.news), (int64_t)(before + 2 + NEWS_KEPT));
    house_close(&h);
}

TEST(news_of_the_last_moment_harm_nobody)
{
    struct house h;
    AUTO_BUF struct buf got = BUF_INIT(64 * KiB);
    REQUIRE(house_open(&h));
    int fd = open_events(&h, "", "event: hello", &got);
    news_tell(h.news, "last", STR("{}")); /* its message is under way when all is closed */
    house_close(&h);
    close(fd);
}

TEST(who_does_not_read_its_events_is_cut_off_and_others_are_not)
{
    struct house h;
    AUTO_BUF struct buf got = BUF_INIT(4 * MiB), word = BUF_INIT(NEWS_BYTES_MAX);
    char byte[4096];
    REQUIRE(house_open(&h));
    int slow = open_events(&h, "", "event: hello", &got);
    (void)buf_append_format(&word, "{\"words\":\"%0*d\"}", NEWS_BYTES_MAX - 100, 7);
    size_t before = http_server_busy(h.gl->server);
    EXPECT_I64((int64_t)before, (int64_t)(1));
    for (int i = 0; i < 20000 && http_server_busy(h.gl->server); i++) { /* at most 80 MB: beyond what any kernel keeps for a socket */
        news_tell(h.news, "long", buf_str(&word));
        loop_turn(h.loop, 0);
    }
    EXPECT_I64((int64_t)http_server_busy(h.gl->server), (int64_t)(0));
    buf_clear(&got);
    close(open_events(&h, "", "event: hello", &got));
    ssize_t n;
    while ((n = recv(slow, byte, sizeof byte, 0)) > 0)
        ;
    EXPECT(n <= 0 && (n == 0 || errno == ECONNRESET));
    close(slow);
    house_close(&h);
}

/* --- the keys in force ------------------------------------------------------------------------------------------------------- */

static void write_keys(const struct house *h, const char *text)
{
    char path[256], beside[256];
    kit_join(path, h->dir.path, "keys.json");
    kit_join(beside, h->dir.path, "keys.beside");
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
    EXPECT_I64(rename(beside, path), 0);
}

static int ask_with(struct house *h, struct str key)
{
    AUTO_BUF struct buf reply = BUF_INIT(1 * MiB);
    text_format(h->token, sizeof h->token, "%.*s", STR_FMT(key));
    return request(h, "GET", "/v1/models", true, STR_NONE, &reply);
}

TEST(a_file_of_keys_that_breaks_leaves_those_in_force_and_one_that_is_gone_ends_them)
{
    struct house h;
    AUTO_BUF struct buf secret = BUF_INIT(256);
    struct err e = {0};
    struct gateway *g;
    REQUIRE(house_open(&h));
    struct str dir = str_from(h.dir.path);
    EXPECT_I64(keyring_add(dir, &(struct key_wish){.name = STR("web")}, &secret, &e), 0);
    EXPECT_I64(keys_reload(h.gateway, &e), 0);
    EXPECT_I64(ask_with(&h, buf_str(&secret)), 200);
    write_keys(&h, "{\"version\":1,\"keys\":[{\"name\":\"web\"");
    (void)keys_reload(h.gateway, &e); /* the watcher may have been faster */
    EXPECT_I64(ask_with(&h, buf_str(&secret)), 200);
    EXPECT_I64(gateway_open(&g, &(struct gateway_options){.config = h.config, .mesh = h.mesh, .data_dir = dir}, &e),
               ERR_SYNTAX);
    EXPECT(strstr(e.text, "keys.json"));
    write_keys(&h, "{\"version\":1,\"keys\":[]}");
    EXPECT_I64(keys_reload(h.gateway, &e), 0);
    EXPECT_I64(ask_with(&h, buf_str(&secret)), 401);
    house_close(&h);
}

TEST(a_placeholder_in_hearth_key_is_no_key)
{
    struct house h;
    struct gateway *g;
    struct err e = {0};
    REQUIRE(house_open(&h));
    struct gateway_options opt = {
        .config = h.config, .mesh = h.mesh, .data_dir = str_from(h.dir.path), .key = STR("EMPTY")};
    EXPECT_I64(gateway_open(&g, &opt, &e), ERR_INVALID);
    EXPECT(strstr(e.text, "HEARTH_KEY"));
    house_close(&h);
}

/* --- leaving while the clerk is at it ---------------------------------------------------------------------------------------- */

TEST(a_client_that_leaves_while_its_report_is_made_harms_nothing)
{
    struct house h;
    AUTO_BUF struct buf reply = BUF_INIT(1 * MiB), ask = BUF_INIT(4 * KiB);
    REQUIRE(house_open(&h));
    EXPECT(buf_append_format(&ask,
                             "GET /hearth/v1/usage HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %s\r\n\r\n",
                             h.token) == 0);
    for (int i = 0; i < 20; i++) {
        int fd = dial(&h);
        EXPECT(send(fd, ask.ptr, ask.len, MSG_NOSIGNAL) == (ssize_t)ask.len);
        loop_turn(h.loop, TURN_MS);
        if (i % 3)
            loop_turn(h.loop, 1);
        close(fd);
    }
    EXPECT_I64(request(&h, "GET", "/hearth/v1/status", true, STR_NONE, &reply), 200);
    int fd = dial(&h);
    EXPECT(send(fd, ask.ptr, ask.len, MSG_NOSIGNAL) == (ssize_t)ask.len);
    loop_turn(h.loop, TURN_MS);
    house_close(&h); /* with one under way */
    close(fd);
}

/* --- the clerk ---------------------------------------------------------------------------------------------------------------- */

struct errand_kit {
    struct clerk_job job;
    atomic_bool *go;
    bool ran, done;
};

static void kit_run(struct clerk_job *job)
{
    struct errand_kit *k = (struct errand_kit *)job;
    for (int i = 0; i < LIMIT_MS / 2 && k->go && !atomic_load(k->go); i++)
        kit_pause();
    k->ran = true;
}

static void kit_done(struct clerk_job *job)
{
    ((struct errand_kit *)job)->done = true;
}

TEST(the_clerk_refuses_beyond_its_queue_and_hands_back_what_it_took)
{
    enum { MANY = 100 };
    static struct errand_kit kit[MANY];
    struct clerk *c;
    struct loop *l;
    atomic_bool go = false;
    int taken = 0, done = 0, ran = 0;
    REQUIRE(loop_open(&l, &(struct loop_options){.clock = clock_system()}, NULL) == 0);
    REQUIRE(clerk_open(&c, &(struct clerk_options){0}, NULL) == 0);
    for (int i = 0; i < MANY; i++) {
        kit[i] = (struct errand_kit){.job = {.run = kit_run, .done = kit_done, .loop = l}, .go = &go};
        taken += clerk_submit(c, &kit[i].job);
    }
    EXPECT(taken >= 32 && taken <= 34);
    atomic_store(&go, true);
    for (int turns = 0; done < taken && turns < LIMIT_MS / TURN_MS; turns++) {
        loop_turn(l, TURN_MS);
        done = ran = 0;
        for (int i = 0; i < MANY; i++) {
            done += kit[i].done;
            ran += kit[i].done && kit[i].ran; /* before that it is the other thread's */
        }
    }
    EXPECT_I64(done, taken);
    EXPECT_I64(ran, taken);
    clerk_stop(c);
    EXPECT(!clerk_submit(c, &kit[0].job));
    clerk_close(c);
    loop_close(l);
}

static void count_tick(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

TEST(the_clerk_looks_after_things_every_so_often)
{
    struct clerk *c;
    atomic_int ticks = 0;
    REQUIRE(clerk_open(&c, &(struct clerk_options){.tick = count_tick, .ctx = &ticks, .tick_ms = 1}, NULL) == 0);
    for (int i = 0; i < LIMIT_MS && atomic_load(&ticks) < 3; i++)
        kit_pause();
    EXPECT(atomic_load(&ticks) >= 3);
    clerk_close(c);
}

/* --- torture --------------------------------------------------------------------------------------------------------------------- */

static int open_tortured(void *ctx)
{
    struct house *h = ctx;
    struct gateway *g;
    int rc =
        gateway_open(&g,
                     &(struct gateway_options){
                         .config = h->config, .mesh = h->mesh, .key = STR("sk-x"), .data_dir = str_from(h->dir.path)},
                     NULL);
    if (rc == 0)
        gateway_close(g);
    return rc;
}

TEST(a_gateway_opens_or_not_with_every_allocation_that_fails)
{
    struct house h;
    REQUIRE(house_open(&h));
    (void)test_torture("gateway_open", open_tortured, &h);
    house_close(&h);
}
