/* http_curl_fetch.c: one libcurl easy handle: the options that close every door we do not want, the callbacks, and what the
 * ends of a transfer mean.
 *
 * Most options are set once, when the handle is made; handles are recycled with their structs, so a request sets only
 * what differs. Hot path: fetch_easy_set and the callbacks run for each call.
 *
 * One request per fetch: libcurl re-sends by itself when a reused connection dies before the first byte. Every way to a
 * second request leads through OPENSOCKETFUNCTION (new connection) or PREREQFUNCTION (any connection); both refuse once
 * the first request was handed over. */
#include "net/http_curl_priv.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <openssl/ssl.h>

enum {
    SMALL_BODY_BYTES = 64 * 1024 - 1, /* libcurl sends a smaller POSTFIELDS body with the head, in one system call */
    RECEIVE_BYTES = 4 * 1024,         /* per stream, so small: 10,000 streams; a large answer costs more reads */
    UPLOAD_BYTES = 16 * 1024,         /* libcurl's least; with TLS one is held until the body is sent */
    LARGE_UPLOAD_BYTES = 128 * 1024,  /* for large bodies, until they are sent */
};

static void refuse(struct curl_fetch *f, enum fetch_end end, const char *why)
{
    f->refused = end;
    f->refused_why = why;
}

/* --- the request goes out ------------------------------------------------------------------------------------------ */

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    struct curl_fetch *f = arg;
    size_t room = size * count, done = 0;
    if (f->base.cancelled || (f->base.body_gone && f->piece < f->base.opt.body_count))
        return CURL_READFUNC_ABORT;
    if (room > f->base.body_ready - f->body_read)
        room = f->base.body_ready - f->body_read;
    if (room == 0 && f->body_read < f->base.body_bytes)
        return CURL_READFUNC_PAUSE; /* until http_fetch_body_ready */
    while (done < room && f->piece < f->base.opt.body_count) {
        struct str left = str_skip(f->base.opt.body[f->piece], f->piece_at);
        size_t n = left.len < room - done ? left.len : room - done;
        if (n)
            memcpy(out + done, left.ptr, n);
        done += n;
        f->piece_at += n;
        if (f->piece_at == f->base.opt.body[f->piece].len) {
            f->piece++;
            f->piece_at = 0;
        }
    }
    f->body_read += done;
    return done;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    (void)arg, (void)offset, (void)origin;
    return CURL_SEEKFUNC_FAIL; /* a rewind is a re-send */
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct curl_fetch *f = arg;
    (void)purpose;
    f->resent |= f->base.begun;
    if (f->base.begun || f->base.cancelled || (address->family != AF_UNIX && !fetch_allows(&f->base, &address->addr)))
        return CURL_SOCKET_BAD;
    return sock_open(f, address);
}

static int on_close_socket(void *arg, curl_socket_t fd)
{
    return sock_close(arg, fd);
}

/* The name was resolved before and handed over; libcurl's own lookup must never run. */
static int on_resolver_start(void *state, void *reserved, void *arg)
{
    const struct curl_fetch *f = arg;
    (void)state, (void)reserved;
    return f->base.site->literal || f->base.site->port == 0 ? 0 : 1;
}

/* A connection is there and the request is about to go out on it. */
static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct curl_fetch *f = arg;
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    f->resent |= f->base.begun;
    if (f->base.begun || f->base.cancelled || f->base.body_gone)
        return CURL_PREREQFUNC_ABORT;
    fetch_begin(&f->base);
    if (f->site_serial == f->base.site->serial)
        f->lane->site_serial = f->site_serial;
    return CURL_PREREQFUNC_OK;
}

static CURLcode on_ssl_context(CURL *easy, void *context, void *arg)
{
    struct curl_fetch *f = arg;
    (void)easy;
    X509_STORE *store = f->base.client->curl->trust.store;
    if (!store || X509_STORE_up_ref(store) != 1)
        return CURLE_SSL_CACERT_BADFILE;
    SSL_CTX_set_cert_store(context, store); /* takes the reference */
    /* libcurl 7.88 takes no tickets below TLS 1.3, a precaution of 2008; then most servers of 1.2 have no session to resume */
    (void)SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
    return CURLE_OK;
}

/* --- the reply comes in -------------------------------------------------------------------------------------------- */

static bool sent_any(const struct http_fetch *base)
{
    const struct curl_fetch *f = (const struct curl_fetch *)base;
    long bytes = 0;
    return base->begun && curl_easy_getinfo(f->easy, CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK && bytes > 0;
}

static bool sent_all(const struct http_fetch *base)
{
    const struct curl_fetch *f = (const struct curl_fetch *)base;
    curl_off_t body = 0;
    if (!sent_any(base) || curl_easy_getinfo(f->easy, CURLINFO_SIZE_UPLOAD_T, &body) != CURLE_OK)
        return false;
    return (size_t)body == base->body_bytes;
}

/* What went out will not be read again: our copy of it, and libcurl's send buffer, can go. */
static void upload_release(struct curl_fetch *f)
{
    if (!sent_all(&f->base))
        return;
    mem_free(f->body_copy);
    f->body_copy = NULL;
    (void)curl_easy_setopt(f->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BYTES); /* frees it; the size is a hint */
    f->large_upload = false;
}

static bool head_deliver(struct curl_fetch *f)
{
    upload_release(f);
    return fetch_tell_head(&f->base);
}

/* A line of the head, or a part of one. False stops the transfer. */
static bool head_take(struct curl_fetch *f, char *bytes, size_t n)
{
    size_t used;
    enum http_head_rc rc = http_head_feed(&f->base.head, &f->base.client->fields, bytes, n, &used);
    fetch_tell_interims(&f->base);
    switch (rc) {
    case HEAD_MORE: return true;
    case HEAD_COMPLETE: return head_deliver(f);
    case HEAD_BAD: refuse(f, FETCH_PROTOCOL, f->base.head.problem); return false;
    case HEAD_TOO_LARGE: refuse(f, FETCH_TOO_LARGE, NULL); return false;
    case HEAD_NOMEM: refuse(f, FETCH_NOMEM, NULL); return false;
    }
    return false;
}

/* The head comes to on_write, like the body (CURLOPT_HEADER), because libcurl 7.88 stores each header between the two
 * calls and reads freed memory when the first line of a recycled handle's head is a continued one: it must be refused
 * before. Here come the same lines again, and then trailers, which are not handed out. */
static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct curl_fetch *f = arg;
    size_t n = size * count;
    (void)bytes;
    if (f->base.cancelled)
        return 0;
    if (f->base.head_done) { /* libcurl stores them all, so they have a bound */
        f->base.head.bytes += n;
        if (f->base.head.bytes > f->base.head.bytes_max)
            refuse(f, FETCH_TOO_LARGE, "trailers");
    }
    return f->refused ? 0 : n;
}

/* A connection in excess of what may be kept closes after this reply. Decided as late as possible. */
static void reuse_decide(struct curl_fetch *f)
{
    bool forbid = f->base.client->idle_count >= f->base.client->connections_max;
    if (forbid != f->reuse_forbidden)
        (void)curl_easy_setopt(f->easy, CURLOPT_FORBID_REUSE, (long)forbid);
    f->reuse_forbidden = forbid;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *arg)
{
    struct curl_fetch *f = arg;
    size_t n = size * count;
    if (f->base.cancelled)
        return 0;
    if (!f->base.head_done)
        return head_take(f, bytes, n) ? n : 0;
    if (f->base.paused) { /* not taken: libcurl keeps it, reads no more, and offers it again after the pause */
        f->base.held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    reuse_decide(f);
    return fetch_tell_body(&f->base, str_of(bytes, n)) ? n : 0;
}

/* --- options ------------------------------------------------------------------------------------------------------- */

/* Options whose setting cannot fail, except that memory runs out on texts; then the handle is given up. */
#define SET(option, value) (rc = rc ? rc : curl_easy_setopt(f->easy, CURLOPT_##option, (value)))

static CURLcode set_closed_doors(struct curl_fetch *f)
{
    CURLcode rc = CURLE_OK;
    SET(NOSIGNAL, 1L);
    SET(PROXY, ""); /* not NULL: that would mean the proxy variables */
    SET(FOLLOWLOCATION, 0L);
    SET(PROTOCOLS_STR, "https");
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(HTTP_CONTENT_DECODING, 0L);
    SET(NETRC, (long)CURL_NETRC_IGNORED);
    SET(DISALLOW_USERNAME_IN_URL, 1L);
    SET(PATH_AS_IS, 1L);
    SET(QUICK_EXIT, 1L);
    SET(TCP_NODELAY, 1L);
    SET(BUFFERSIZE, (long)RECEIVE_BYTES);
    SET(UPLOAD_BUFFERSIZE, (long)UPLOAD_BYTES);
    SET(CAINFO, NULL);
    SET(CAPATH, NULL);
    SET(CA_CACHE_TIMEOUT, 0L);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(SHARE, f->base.client->curl->share);
    return rc;
}

static CURLcode set_callbacks(struct curl_fetch *f)
{
    CURLcode rc = CURLE_OK;
    SET(PRIVATE, f);
    SET(ERRORBUFFER, f->problem);
    SET(READFUNCTION, on_read);
    SET(READDATA, f);
    SET(SEEKFUNCTION, on_seek);
    SET(HEADER, 1L); /* to on_write; see on_header */
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, f);
    SET(WRITEFUNCTION, on_write);
    SET(WRITEDATA, f);
    SET(PREREQFUNCTION, on_connected);
    SET(PREREQDATA, f);
    SET(OPENSOCKETFUNCTION, on_open_socket);
    SET(OPENSOCKETDATA, f);
    SET(CLOSESOCKETFUNCTION, on_close_socket);
    SET(CLOSESOCKETDATA, f->base.client); /* the connection outlives this fetch */
    SET(RESOLVER_START_FUNCTION, on_resolver_start);
    SET(RESOLVER_START_DATA, f);
    SET(SSL_CTX_FUNCTION, on_ssl_context);
    SET(SSL_CTX_DATA, f);
    return rc;
}

static int easy_open(struct curl_fetch *f)
{
    f->easy = curl_easy_init();
    if (!f->easy)
        return ERR_NOMEM;
    CURLcode rc = set_closed_doors(f);
    if (rc == CURLE_OK)
        rc = set_callbacks(f);
    if (rc == CURLE_OK)
        return 0;
    curl_easy_cleanup(f->easy);
    f->easy = NULL;
    return ERR_NOMEM;
}

/* Small bodies go out with the head, from one piece of memory; large ones are pulled from their pieces. */
static CURLcode set_body(struct curl_fetch *f)
{
    CURLcode rc = CURLE_OK;
    const char *bytes = "";
    bool large = f->base.body_bytes > SMALL_BODY_BYTES || f->base.body_ready < f->base.body_bytes;
    if (large != f->large_upload)
        SET(UPLOAD_BUFFERSIZE, large ? (long)LARGE_UPLOAD_BYTES : (long)UPLOAD_BYTES);
    f->large_upload = large;
    if (large) {
        bytes = NULL;
    } else if (f->base.opt.body_count == 1) {
        bytes = f->base.opt.body[0].len ? f->base.opt.body[0].ptr : "";
    } else if (f->base.body_bytes) {
        bytes = f->body_copy = mem_alloc(f->base.body_bytes);
        if (!f->body_copy)
            return CURLE_OUT_OF_MEMORY;
        (void)on_read(f->body_copy, 1, f->base.body_bytes, f);
    }
    SET(POSTFIELDS, bytes); /* makes it a POST */
    SET(POST, 1L);
    SET(POSTFIELDSIZE_LARGE, (curl_off_t)f->base.body_bytes);
    return rc;
}

/* POST and GET are libcurl's own; others ride on one of them. */
static CURLcode set_method(struct curl_fetch *f)
{
    CURLcode rc = CURLE_OK;
    struct str method = str_from(f->method);
    bool head = str_eq(method, STR("HEAD")), post = str_eq(method, STR("POST"));
    bool plain = post || head || str_eq(method, STR("GET"));
    SET(NOBODY, head ? 1L : 0L);
    if (post || f->base.opt.body_count)
        rc = rc ? rc : set_body(f);
    else if (!head)
        SET(HTTPGET, 1L);
    if (!plain || f->custom_set || (f->base.opt.body_count && !post)) {
        f->custom_set = !plain || (f->base.opt.body_count && !post);
        SET(CUSTOMREQUEST, f->custom_set ? f->method : NULL);
    }
    return rc;
}

static CURLcode set_unix_path(struct curl_fetch *f)
{
    CURLcode rc = CURLE_OK;
    if (!f->unix_path[0] && !f->unix_set)
        return rc;
    SET(UNIX_SOCKET_PATH, f->unix_path[0] ? f->unix_path : NULL);
    f->unix_set = f->unix_path[0] != '\0';
    return rc;
}

static int easy_set(struct curl_fetch *f)
{
    CURLcode rc = CURLE_OK;
    SET(URL, f->text);
    SET(HTTPHEADER, f->headers);
    SET(RESOLVE, f->entry.data ? &f->entry : NULL);
    rc = rc ? rc : set_method(f);
    rc = rc ? rc : set_unix_path(f);
    reuse_decide(f);
    f->problem[0] = '\0';
    return rc ? ERR_NOMEM : 0;
}

/* --- the request as libcurl wants it ------------------------------------------------------------------------------- */

static bool is_blank(struct str s)
{
    return str_trim(s).len == 0;
}

struct list {
    struct curl_slist *node; /* array */
    char *text;
    size_t count;
};

static void list_add(struct list *l, struct str name, struct str separator, struct str value)
{
    struct curl_slist *n = &l->node[l->count];
    n->data = l->text;
    n->next = NULL;
    if (l->count++)
        n[-1].next = n;
    const struct str parts[] = {name, separator, value};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].len)
            memcpy(l->text, parts[i].ptr, parts[i].len);
        l->text += parts[i].len;
    }
    *l->text++ = '\0';
}

/* libcurl's language: "name: value" sends it, "name;" sends it empty, "name:" keeps libcurl's own from being sent. */
static int headers_make(struct curl_slist **out, const struct http_fetch_options *opt, struct err *e)
{
    static const struct str fixed[] = {{"accept-encoding: identity", 25}, {"expect:", 7}};
    static const struct str unless_given[] = {{"accept", 6}, {"content-type", 12}};
    size_t count = opt->header_count + COUNT_OF(fixed) + COUNT_OF(unless_given), bytes = 128;
    for (size_t i = 0; i < opt->header_count; i++)
        bytes += opt->header[i].name.len + opt->header[i].value.len + 3;
    void *block = mem_alloc(count * sizeof(struct curl_slist) + bytes);
    if (!block)
        return err_set(e, ERR_NOMEM, "out of memory for a request's headers");
    struct list l = {.node = block, .text = (char *)block + count * sizeof(struct curl_slist)};
    bool given[COUNT_OF(unless_given)] = {false};
    for (size_t i = 0; i < opt->header_count; i++) {
        const struct http_header *h = &opt->header[i];
        if (http_header_is_ours(h->name))
            continue;
        for (size_t k = 0; k < COUNT_OF(unless_given); k++)
            given[k] |= str_eq_fold(h->name, unless_given[k]);
        if (is_blank(h->value))
            list_add(&l, h->name, STR(";"), STR_NONE);
        else
            list_add(&l, h->name, STR(": "), h->value);
    }
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        list_add(&l, fixed[i], STR_NONE, STR_NONE);
    for (size_t k = 0; k < COUNT_OF(unless_given); k++)
        if (!given[k])
            list_add(&l, unless_given[k], STR(":"), STR_NONE);
    *out = l.node;
    return 0;
}

static const char *text_add(char **at, struct str s)
{
    char *copy = *at;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    *at += s.len + 1;
    return copy;
}

static int prepare(struct http_fetch *base, const struct http_fetch_options *opt, const struct http_url *url,
                   struct err *e)
{
    struct curl_fetch *f = curl_fetch_of(base);
    (void)url;
    f->text = mem_alloc(opt->url.len + opt->method.len + opt->unix_path.len + 3);
    if (!f->text)
        return err_set(e, ERR_NOMEM, "out of memory for a request");
    char *at = f->text;
    (void)text_add(&at, opt->url);
    f->method = text_add(&at, opt->method);
    f->unix_path = text_add(&at, opt->unix_path);
    return headers_make(&f->headers, opt, e);
}

static bool address_text(const struct sockaddr_storage *a, char out[INET6_ADDRSTRLEN])
{
    if (a->ss_family == AF_INET)
        return inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, out, INET6_ADDRSTRLEN);
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
    /* One that needs a zone cannot be told to libcurl for a name. */
    return v6->sin6_scope_id == 0 && inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN);
}

/* "host:port:address,address": such entries stay in libcurl for good, and are replaced whenever a name is resolved anew;
 * so it is given one until it has certainly taken this one. 0, ERR_NOMEM, or ERR_NOT_FOUND when no address can be used. */
static int entry_make(struct curl_fetch *f, const struct lane *l)
{
    const struct site *s = f->base.site;
    if (s->literal || s->port == 0 || l->site_serial == s->serial)
        return 0;
    struct buf text = BUF_INIT(4 * KiB); /* a host, a port, RESOLVE_ADDRESSES_MAX addresses */
    int used = 0, rc = buf_append_format(&text, "%.*s:%d:", STR_FMT(s->host), s->port);
    for (int i = 0; rc == 0 && i < s->address_count; i++) {
        char address[INET6_ADDRSTRLEN];
        if (fetch_allows(&f->base, (const struct sockaddr *)&s->address[i]) && address_text(&s->address[i], address))
            rc = buf_append_format(&text, "%s%s", used++ ? "," : "", address);
    }
    if (rc < 0 || used == 0 || !buf_text(&text)) {
        buf_fini(&text);
        return rc < 0 || used ? ERR_NOMEM : ERR_NOT_FOUND;
    }
    f->entry.data = text.ptr;
    f->site_serial = s->serial;
    return 0;
}

/* --- how it ended -------------------------------------------------------------------------------------------------- */

/* The connection broke before the reply was whole. */
static enum fetch_end broken_end(const struct curl_fetch *f)
{
    bool silent = f->base.begun && !f->base.opened && f->base.head.bytes == 0;
    return silent ? FETCH_STALE : FETCH_RESET;
}

static enum fetch_end end_before_request(const struct curl_fetch *f, CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: return FETCH_RESOLVE;
    case CURLE_OPERATION_TIMEDOUT: return FETCH_CONNECT_TIMEOUT;
    case CURLE_COULDNT_CONNECT: return f->base.fenced && !f->base.opened ? FETCH_FENCED : FETCH_CONNECT;
    default: return FETCH_TLS; /* all that is left to go wrong after the connection and before the request */
    }
}

enum fetch_end fetch_end_of(struct curl_fetch *f, CURLcode code)
{
    if (f->refused)
        return f->refused;
    if (f->resent)
        return broken_end(f);
    if (code == CURLE_OUT_OF_MEMORY) /* also libcurl's word for a header line above 100 KiB */
        return f->base.begun && !f->base.head_done && sent_any(&f->base) ? FETCH_TOO_LARGE : FETCH_NOMEM;
    if (!f->base.begun)
        return end_before_request(f, code);
    switch (code) {
    case CURLE_OK:
        return f->base.head_done ? FETCH_OK : broken_end(f); /* a close inside the head is fine with libcurl */
    case CURLE_PARTIAL_FILE: return FETCH_TRUNCATED;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, or a version nobody knows */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_URL_MALFORMAT: return FETCH_PROTOCOL;
    case CURLE_RECV_ERROR:
        /* The same code for a broken chunk; only the text tells. */
        return strstr(f->problem, "chunked-encoding") ? FETCH_PROTOCOL : broken_end(f);
    default: /* GOT_NOTHING, SEND_ERROR, SEND_FAIL_REWIND, READ_ERROR, and what nobody foresaw */ return broken_end(f);
    }
}

/* OpenSSL's words for "what came is no TLS" help only who knows them. */
const char *fetch_words(const struct curl_fetch *f, CURLcode code)
{
    if (f->refused)
        return f->refused_why;
    if (!f->base.begun && strstr(f->problem, "wrong version number"))
        return "wrong version number: what listens on this port does not speak TLS; if it speaks plain HTTP, write http:// in `url`";
    return f->problem[0] ? f->problem : curl_easy_strerror(code);
}

/* --- the transport ------------------------------------------------------------------------------------------------- */

static struct http_fetch *make(struct http_client *c)
{
    struct curl_fetch *f = new0(struct curl_fetch);
    if (!f)
        return NULL;
    f->base.client = c;
    if (easy_open(f) == 0)
        return &f->base;
    mem_free(f);
    return NULL;
}

static void release(struct http_fetch *base)
{
    curl_easy_cleanup(curl_fetch_of(base)->easy);
    mem_free(base);
}

static void reset(struct http_fetch *base)
{
    struct curl_fetch *f = curl_fetch_of(base);
    mem_free(f->text);
    mem_free(f->headers);
    mem_free(f->entry.data);
    mem_free(f->body_copy);
    *f = (struct curl_fetch){
        .base = *base,
        .easy = f->easy,
        .large_upload = f->large_upload,
        .unix_set = f->unix_set,
        .custom_set = f->custom_set,
        .reuse_forbidden = f->reuse_forbidden,
    };
}

static void launch(struct http_fetch *base)
{
    struct curl_fetch *f = curl_fetch_of(base);
    struct http_client *c = base->client;
    struct err e = {0};
    if (trust_load(&c->curl->trust, loop_now_us(c->loop), &e) < 0) {
        fetch_finish(base, FETCH_TLS, e.text);
        return;
    }
    struct lane *l = lane_get(c, base->site->pool);
    int rc = l ? entry_make(f, l) : ERR_NOMEM;
    if (rc == ERR_NOT_FOUND)
        fetch_finish(base, FETCH_RESOLVE, "the name has only link-local addresses, which need a zone");
    else if (rc < 0 || easy_set(f) < 0 || !lane_add(l, f))
        fetch_finish(base, FETCH_NOMEM, NULL);
}

static bool may_leave(struct http_fetch *base)
{
    struct curl_fetch *f = curl_fetch_of(base);
    if (!f->lane || base->client->curl->depth == 0)
        return true;
    fetch_doom(f);
    return false;
}

static void leave(struct http_fetch *base)
{
    struct curl_fetch *f = curl_fetch_of(base);
    if (f->lane)
        lane_remove(f);
}

static void body_free(struct http_fetch *base)
{
    struct curl_fetch *f = curl_fetch_of(base);
    mem_free(f->body_copy); /* libcurl copied it with the head */
    f->body_copy = NULL;
}

static struct str peer(const struct http_fetch *base)
{
    const struct curl_fetch *f = (const struct curl_fetch *)base;
    const char *text = NULL;
    if (!f->lane || base->site->port == 0 || curl_easy_getinfo(f->easy, CURLINFO_PRIMARY_IP, &text) != CURLE_OK)
        return STR_NONE;
    return str_from(text);
}

static bool shaking(const struct http_fetch *base)
{
    const struct curl_fetch *f = (const struct curl_fetch *)base;
    struct sockaddr_storage other;
    socklen_t len = sizeof other;
    return !base->begun && f->sock && f->sock->io.fd >= 0 && getpeername(f->sock->io.fd, (struct sockaddr *)&other, &len) == 0;
}

const struct transport transport_curl = {
    .open = lanes_open,
    .close = lanes_close,
    .sweep = lanes_sweep,
    .trim = lanes_trim,
    .make = make,
    .drop = release,
    .reset = reset,
    .prepare = prepare,
    .launch = launch,
    .may_leave = may_leave,
    .leave = leave,
    .resume = lane_resume,
    .more = lane_resume, /* libcurl has one word for both; who is paused on the other side says so again */
    .sent_any = sent_any,
    .sent_all = sent_all,
    .body_free = body_free,
    .peer = peer,
    .shaking = shaking,
};
