/* discover_look.c: keys in the usual variables, Ollama and llama-server on this machine and on OLLAMA_HOST. Nothing is pulled,
 * nothing is loaded (but for the measuring, which says so), and nothing is asked of the internet. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli_priv.h"
#include "cli/discover_priv.h"
#include "config/litellm.h"
#include "wire/wire.h"
#include <arpa/inet.h>
#include <stdlib.h>

enum { LOOK_TIMEOUT_MS = 3000, MEASURE_TIMEOUT_MS = 3000 }; /* a machine that loads a model answers late; nobody there refuses at once */
static const int64_t billion = 1000000000;

/* --- addresses -------------------------------------------------------------------------------------------- */

static bool is_port(struct str s)
{
    uint64_t n;
    return s.len <= 5 && str_to_u64(s, &n) && n <= 65535;
}

static bool is_ipv6(struct str s)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];
    if (s.len >= sizeof text)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return inet_pton(AF_INET6, text, address) == 1;
}

static void split_port(struct str s, struct str *host, struct str *port)
{
    ptrdiff_t close = str_find_char(s, ']'), colon = -1;
    *host = s;
    *port = STR_NONE;
    if (is_ipv6(s)) /* all of it is an address */
        return;
    for (size_t i = close < 0 ? 0 : (size_t)close; i < s.len; i++)
        if (s.ptr[i] == ':')
            colon = (ptrdiff_t)i;
    if (colon >= 0) {
        *host = str_slice(s, 0, (size_t)colon);
        *port = str_skip(s, (size_t)colon + 1);
    }
}

/* host | host:port | :port | [v6]:port | http://host:port/path, in quotes or not; a port that is none is the usual one. */
bool discover_ollama_url(struct str value, char *out, size_t out_bytes)
{
    struct str s = str_trim(value), host, port, path = STR_NONE, usual = STR("11434"), scheme = STR("http");
    if (s.len > 1 && (s.ptr[0] == '"' || s.ptr[0] == '\'') && s.ptr[s.len - 1] == s.ptr[0])
        s = str_trim(str_slice(s, 1, s.len - 1));
    ptrdiff_t mark = str_find(s, STR("://"));
    if (mark >= 0) {
        scheme = str_slice(s, 0, (size_t)mark);
        s = str_skip(s, (size_t)mark + 3);
        usual = str_eq(scheme, STR("https")) ? STR("443") : STR("80");
    }
    ptrdiff_t slash = str_find_char(s, '/');
    if (slash >= 0) {
        path = str_skip(s, (size_t)slash);
        s = str_slice(s, 0, (size_t)slash);
    }
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    split_port(s, &host, &port);
    if (host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = str_slice(host, 1, host.len - 1);
    if (!port.len || !is_port(port))
        port = usual;
    bool all = host.len == 0 || str_eq(host, STR("0.0.0.0")) || str_eq(host, STR("::")), v6 = !all && is_ipv6(host);
    if (all) /* where it listens; it is called on loopback */
        host = STR("127.0.0.1");
    for (size_t i = 0; i < host.len; i++)
        if ((unsigned char)host.ptr[i] <= ' ' || strchr("\"'\\@?#", host.ptr[i]))
            return false;
    if (host.len + path.len + 40 > out_bytes || (!str_eq(scheme, STR("http")) && !str_eq(scheme, STR("https"))))
        return false;
    text_format(out, out_bytes, "%.*s://%s%.*s%s:%.*s%.*s", STR_FMT(scheme), v6 ? "[" : "", STR_FMT(host),
                v6 ? "]" : "", STR_FMT(port), STR_FMT(path));
    return true;
}

/* --- models ------------------------------------------------------------------------------------------------- */

/* "8.0B", "137M" */
static int64_t read_size(struct str s)
{
    int64_t n, unit = s.len == 0                ? 0
                      : s.ptr[s.len - 1] == 'B' ? billion
                      : s.ptr[s.len - 1] == 'M' ? 1000000
                      : s.ptr[s.len - 1] == 'K' ? 1000
                                                : 0;
    if (unit == 0 || !str_to_scaled(str_slice(s, 0, s.len - 1), 3, &n) || n > INT64_C(100000000))
        return 0;
    return n * (unit / 1000);
}

/* llama3.1:8b, qwen2.5-coder-14b-instruct: the number before a `b` that ends its word. */
static int64_t size_of_name(struct str name)
{
    int64_t best = 0;
    for (size_t i = 1; i < name.len; i++) {
        size_t from = i;
        bool ends = i + 1 == name.len || strchr("-_:. /", name.ptr[i + 1]);
        if ((name.ptr[i] != 'b' && name.ptr[i] != 'B') || !ends)
            continue;
        while (from > 0 && ((name.ptr[from - 1] >= '0' && name.ptr[from - 1] <= '9') || name.ptr[from - 1] == '.'))
            from--;
        int64_t n;
        if (from < i && str_to_scaled(str_slice(name, from, i), 3, &n) && n > 0 && n < 10000000)
            best = n * 1000000;
    }
    return best;
}

static int64_t parameters_of(const struct json_node *m, struct str name)
{
    int64_t n = read_size(json_get_text(json_get(m, "details"), "parameter_size")), bytes;
    if (n)
        return n;
    if (json_get_i64(json_get(m, "meta"), "n_params", &n) && n > 0)
        return n;
    n = size_of_name(name);
    if (!n && json_get_i64(m, "size", &bytes) && bytes > 0) /* at about five bits a weight */
        n = bytes / 5 * 8;
    return n;
}

static bool is_embedding(const struct json_node *m, struct str name)
{
    static const char *const parts[] = {"embed", "minilm", "bge-", "e5-", "gte-"};
    if (str_contains_fold(json_get_text(json_get(m, "details"), "family"), STR("bert")))
        return true;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (str_contains_fold(name, str_from(parts[i])))
            return true;
    return false;
}

static void take(struct found_model *slot, struct str name, int64_t parameters)
{
    text_format(slot->name, sizeof slot->name, "%.*s", STR_FMT(name));
    slot->parameters = parameters;
}

/* Small: the smallest that is still of use (3 billion and up), else the largest below; large: the largest. */
static bool is_better_small(const struct found_model *now, int64_t parameters)
{
    bool fine = parameters >= 3 * billion, now_fine = now->parameters >= 3 * billion;
    if (!now->name[0] || fine != now_fine)
        return !now->name[0] || fine;
    return fine ? parameters < now->parameters : parameters > now->parameters;
}

static bool has_odd_byte(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == 0x7f || name.ptr[i] == '"' || name.ptr[i] == '\\')
            return true;
    return false;
}

static void read_models(const struct json_node *list, const char *name_key, struct found_place *p)
{
    for (const struct json_node *m = list ? list->child : NULL; m; m = m->next) {
        struct str name = json_get_text(m, name_key);
        bool forwards =
            json_get_text(m, "remote_host").len || str_ends(name, STR("-cloud")) || str_ends(name, STR(":cloud"));
        if (name.len == 0 || name.len >= DISCOVER_NAME_BYTES || forwards || has_odd_byte(name))
            continue;
        int64_t parameters = parameters_of(m, name);
        p->model_count++;
        if (is_embedding(m, name)) {
            if (!p->embed.name[0])
                take(&p->embed, name, parameters);
            continue;
        }
        if (is_better_small(&p->small, parameters))
            take(&p->small, name, parameters);
        if (!p->large.name[0] || parameters > p->large.parameters)
            take(&p->large, name, parameters);
    }
}

static bool is_known(const struct found *f, const char *base)
{
    for (int i = 0; i < f->place_count; i++)
        if (strcmp(f->place[i].base, base) == 0)
            return true;
    return false;
}

static void name_place(struct found *f, struct found_place *p, const char *vendor)
{
    int same = 1;
    for (int i = 0; i < f->place_count; i++)
        same += strcmp(f->place[i].vendor, vendor) == 0;
    if (same > 1)
        text_format(p->name, sizeof p->name, "%s-%d", vendor, same);
    else
        text_format(p->name, sizeof p->name, "%s", vendor);
}

/* root: http://host:port */
static void look_at(struct found *f, const char *root, const char *vendor, const char *path, const char *list_key,
                    const char *name_key)
{
    struct found_place p = {.vendor = vendor, .measured_ms = -1};
    char url[320];
    struct fetch_reply r;
    struct arena a = ARENA_INIT(16 * MiB);
    struct json_node *answer;
    const struct vendor *row = vendor_find(str_from(vendor));
    text_format(p.base, sizeof p.base, "%s/v1", root);
    if (f->place_count == DISCOVER_PLACES_MAX || is_known(f, p.base))
        return;
    if (!row || strcmp(row->openai_url, p.base) != 0)
        text_format(p.url, sizeof p.url, "%s", p.base);
    text_format(url, sizeof url, "%s%s", root, path);
    if (cli_fetch(&r, str_from(url), STR_NONE, STR_NONE, NULL, NULL, LOOK_TIMEOUT_MS, NULL, NULL) == 0 &&
        r.status == 200 && json_parse(&a, buf_str(&r.body), &answer, NULL) == 0) {
        read_models(json_get(answer, list_key), name_key, &p);
        name_place(f, &p, vendor);
        if (p.model_count)
            f->place[f->place_count++] = p;
    }
    arena_fini(&a);
    fetch_reply_fini(&r);
}

static void look_at_ollama(struct found *f, const char *root)
{
    look_at(f, root, "ollama", "/api/tags", "models", "name");
}

static void look_where_variable_points(struct found *f, struct buf *said)
{
    const char *value = getenv("OLLAMA_HOST");
    char root[280];
    if (!value || !value[0])
        return;
    if (!discover_ollama_url(str_from(value), root, sizeof root)) {
        (void)buf_append_text(said, "OLLAMA_HOST is no address, and was passed over\n");
        return;
    }
    if (!config_host_looks_home(config_url_host(str_from(root)))) {
        (void)buf_append_format(
            said,
            "OLLAMA_HOST points to %s, which does not look like home, and was passed over: write it into a config\n",
            root);
        return;
    }
    int before = f->place_count;
    look_at_ollama(f, root);
    if (f->place_count == before)
        (void)buf_append_format(said, "OLLAMA_HOST points to %s, where no Ollama with models answers\n", root);
}

void discover_look(struct found *f, struct buf *said)
{
    char llama[64];
    const char *port = getenv("LLAMA_ARG_PORT"); /* llama-server's own variable for where it listens */
    for (size_t i = 0; i < vendor_count() && i < DISCOVER_VENDORS_MAX; i++) {
        const struct vendor *v = vendor_at(i);
        const char *key = v->key_env ? getenv(v->key_env) : NULL;
        f->vendor[i] = key && str_trim(str_from(key)).len; /* `KEY=` of a compose file is none */
    }
    look_where_variable_points(f, said);
    look_at_ollama(f, "http://127.0.0.1:11434");
    text_format(llama, sizeof llama, "http://127.0.0.1:%s", port && is_port(str_from(port)) ? port : "8080");
    look_at(f, llama, "llama-server", "/v1/models", "data", "id");
}

/* --- which of two places is faster ----------------------------------------------------------------------------- */

/* llama3.1:8b and Llama-3.1-8B-Instruct.gguf are the same model: letters and digits, one the beginning of the other. */
static bool is_same_model(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a && !((*a >= '0' && *a <= '9') || (*a >= 'a' && *a <= 'z') || (*a >= 'A' && *a <= 'Z')))
            a++;
        while (*b && !((*b >= '0' && *b <= '9') || (*b >= 'a' && *b <= 'z') || (*b >= 'A' && *b <= 'Z')))
            b++;
        if (!*a || !*b)
            return true;
        if ((*a | 0x20) != (*b | 0x20))
            return false;
    }
}

static void measure(struct found_place *p)
{
    AUTO_BUF struct buf body = BUF_INIT(1 * KiB);
    char url[320];
    struct fetch_reply r;
    struct json_writer w = JSON_WRITER(&body);
    json_object_begin(&w);
    json_key(&w, "model");
    json_text(&w, p->small.name);
    json_key(&w, "messages");
    json_raw(&w, STR("[{\"role\":\"user\",\"content\":\"Count to five.\"}]"));
    json_key(&w, "max_tokens");
    json_i64(&w, 8);
    json_object_end(&w);
    text_format(url, sizeof url, "%s/chat/completions", p->base);
    int64_t begin = clock_mono_us(clock_system());
    if (json_done(&w) == 0 &&
        cli_fetch(&r, str_from(url), STR_NONE, buf_str(&body), NULL, NULL, MEASURE_TIMEOUT_MS, NULL, NULL) == 0) {
        if (r.status == 200)
            p->measured_ms = (clock_mono_us(clock_system()) - begin) / 1000;
        fetch_reply_fini(&r);
    }
}

static void say_measured(const struct found *f, struct buf *said)
{
    (void)buf_append_text(said, "measured, eight tokens each: ");
    for (int i = 0; i < f->place_count; i++) {
        const struct found_place *p = &f->place[i];
        (void)buf_append_format(said, "%s%s ", i ? ", " : "", p->name);
        if (p->measured_ms < 0)
            (void)buf_append_format(said, "gave no answer within %d s", MEASURE_TIMEOUT_MS / 1000);
        else
            (void)buf_append_format(said, "%lld ms", (long long)p->measured_ms);
    }
    (void)buf_append_format(said, ": %s is asked first\n", f->place[0].name);
}

static bool is_faster(const struct found_place *a, const struct found_place *b)
{
    return a->measured_ms >= 0 && (b->measured_ms < 0 || a->measured_ms < b->measured_ms);
}

void discover_measure(struct found *f, struct buf *said)
{
    bool same = f->place_count > 1;
    for (int i = 0; i < f->place_count; i++)
        same = same && f->place[i].small.name[0] && is_same_model(f->place[0].small.name, f->place[i].small.name);
    if (!same)
        return;
    log_line(LOG_INFO, "config",
             "%s runs at %d places at home: asking each for eight tokens, at most %d s, to see which is faster",
             f->place[0].small.name, f->place_count, MEASURE_TIMEOUT_MS / 1000);
    for (int i = 0; i < f->place_count; i++)
        measure(&f->place[i]);
    for (int i = 1; i < f->place_count; i++)
        for (int k = i; k > 0 && is_faster(&f->place[k], &f->place[k - 1]); k--) {
            struct found_place moved = f->place[k];
            f->place[k] = f->place[k - 1];
            f->place[k - 1] = moved;
        }
    say_measured(f, said);
}
