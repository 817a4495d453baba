/* http_fetch.c: one libcurl easy handle: the options that close every door we do not want, the callbacks, and what the
 * ends of a transfer mean.
 *
 * Most options are set once, when the handle is made; handles are recycled with their structs, so a request sets only
 * what differs. Hot path: fetch_easy_set and the callbacks run for each call.
 *
 * One request per fetch: libcurl re-sends by itself when a reused connection dies before the first byte. Every way to a
 * second request leads through OPENSOCKETFUNCTION (new connection) or PREREQFUNCTION (any connection); both refuse once
 * the first request was handed over. */
#include "net/http_client_priv.h"
#include "base/mem.h"
#include <assert.h>
#include <openssl/ssl.h>

enum {
    SMALL_BODY_BYTES = 64 * 1024 - 1, /* libcurl sends a smaller POSTFIELDS body with the head, in one system call */
    RECEIVE_BYTES = 4 * 1024,         /* per stream, so small: 10,000 streams; a large answer costs more reads */
    UPLOAD_BYTES = 16 * 1024,         /* libcurl's least; with TLS one is held until the body is sent */
    LARGE_UPLOAD_BYTES = 128 * 1024,  /* for large bodies, until they are sent */
    US_PER_MS = 1000,
};

static void refuse(struct http_fetch *f, enum fetch_end end, const char *why)
{
    f->refused = end;
    f->refused_why = why;
}

/* --- the request goes out ------------------------------------------------------------------------------------------ */

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    struct http_fetch *f = arg;
    size_t room = size * count, done = 0;
    if (f->cancelled || (f->body_gone && f->piece < f->opt.body_count))
        return CURL_READFUNC_ABORT;
    while (done < room && f->piece < f->opt.body_count) {
        struct str left = str_skip(f->opt.body[f->piece], f->piece_at);
        size_t n = left.len < room - done ? left.len : room - done;
        if (n)
            memcpy(out + done, left.ptr, n);
        done += n;
        f->piece_at += n;
        if (f->piece_at == f->opt.body[f->piece].len) {
            f->piece++;
            f->piece_at = 0;
        }
    }
    return done;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    (void)arg, (void)offset, (void)origin;
    return CURL_SEEKFUNC_FAIL; /* a rewind is a re-send */
}

/* libcurl gives up a reused connection on which not one line of a head came, and wants to send again. Did a part of a
 * line come? libcurl does not tell, but the kernel knew when it received the last data: if that may have been after the
 * request left, it was the reply's beginning. The kernel counts in ticks, so a previous reply that ended within one
 * before the request looks the same: that errs to the safe side (the caller does not send again). Over TLS it may have
 * been an alert, so nothing is concluded. */
static void resend_note(struct http_fetch *f)
{
    enum { TICK_US = 10000 };
    const struct http_client *c = f->client;
    f->resent = true;
    f->answered = !f->url.https && c->closed_port == f->local_port && c->closed_received_us + TICK_US >= f->begun_us;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_fetch *f = arg;
    (void)purpose;
    if (f->begun)
        resend_note(f);
    if (f->begun || f->cancelled)
        return CURL_SOCKET_BAD;
    if (f->opt.allow && address->family != AF_UNIX && !f->opt.allow(&address->addr, f->opt.ctx)) {
        f->fenced = true;
        return CURL_SOCKET_BAD;
    }
    return sock_open(f, address);
}

static int on_close_socket(void *arg, curl_socket_t fd)
{
    return sock_close(arg, fd);
}

/* The name was resolved before and handed over; libcurl's own lookup must never run. */
static int on_resolver_start(void *state, void *reserved, void *arg)
{
    const struct http_fetch *f = arg;
    (void)state, (void)reserved;
    return f->url.literal || f->opt.unix_path.len ? 0 : 1;
}

/* A connection is there and the request is about to go out on it. */
static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct http_fetch *f = arg;
    (void)peer, (void)local, (void)peer_port;
    if (f->begun)
        resend_note(f);
    if (f->begun || f->cancelled || f->body_gone)
        return CURL_PREREQFUNC_ABORT;
    f->begun = true;
    f->local_port = local_port;
    if (f->site && f->site->version == f->site_version)
        f->site->loaded = true;
    f->begun_us = clock_mono_us(loop_clock(f->client->loop));
    if (f->opened)
        f->connect_us = f->begun_us - f->started_us;
    loop_timer_cancel(f->client->loop, &f->connect_timer);
    return CURL_PREREQFUNC_OK;
}

void fetch_connect_timer(struct http_fetch *f)
{
    struct loop *l = f->client->loop;
    if (f->opt.connect_timeout_ms <= 0 || loop_timer_pending(&f->connect_timer))
        return;
    loop_time_update(l); /* the turn may have been long */
    int64_t left_ms = f->opt.connect_timeout_ms - (clock_mono_us(loop_clock(l)) - f->started_us) / US_PER_MS;
    if (loop_timer_set(l, &f->connect_timer, left_ms > 0 ? left_ms : 0, fetch_timed_out) < 0)
        refuse(f, FETCH_NOMEM, NULL);
}

static CURLcode on_ssl_context(CURL *easy, void *context, void *arg)
{
    struct http_fetch *f = arg;
    (void)easy;
    X509_STORE *store = f->client->trust.store;
    if (!store || X509_STORE_up_ref(store) != 1)
        return CURLE_SSL_CACERT_BADFILE;
    SSL_CTX_set_cert_store(context, store); /* takes the reference */
    return CURLE_OK;
}

/* --- the reply comes in -------------------------------------------------------------------------------------------- */

/* What went out will not be read again: our copy of it, and libcurl's send buffer, can go. */
static void upload_release(struct http_fetch *f)
{
    if (!http_fetch_sent_all(f))
        return;
    mem_free(f->body_copy);
    f->body_copy = NULL;
    if (f->large_upload || f->url.https)
        (void)curl_easy_setopt(f->easy, CURLOPT_UPLOAD_BUFFERSIZE,
                               (long)UPLOAD_BYTES); /* frees it; the size is a hint */
    f->large_upload = false;
}

static bool head_deliver(struct http_fetch *f)
{
    if (!http_head_check(&f->head)) {
        refuse(f, FETCH_PROTOCOL, f->head.problem);
        return false;
    }
    f->head_done = true;
    upload_release(f);
    struct http_fetch_head head = {
        .status = f->head.status,
        .header = f->head.header,
        .header_count = f->head.count,
        .reused = !f->opened,
    };
    if (f->opt.on_head && f->opt.on_head(f, &head, f->opt.ctx))
        f->paused = true;
    http_head_fini(&f->head);
    return !f->cancelled;
}

/* A line of the head. False stops the transfer. */
static bool head_take(struct http_fetch *f, struct str bytes)
{
    switch (http_head_line(&f->head, bytes)) {
    case HEAD_MORE: return true;
    case HEAD_COMPLETE: return head_deliver(f);
    case HEAD_BAD: refuse(f, FETCH_PROTOCOL, f->head.problem); return false;
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
    struct http_fetch *f = arg;
    size_t n = size * count;
    (void)bytes;
    if (f->cancelled)
        return 0;
    if (f->head_done) { /* libcurl stores them all, so they have a bound */
        f->head.bytes += n;
        if (f->head.bytes > f->head.bytes_max)
            refuse(f, FETCH_TOO_LARGE, "trailers");
    }
    return f->refused ? 0 : n;
}

/* A connection in excess of what may be kept closes after this reply. Decided as late as possible. */
static void reuse_decide(struct http_fetch *f)
{
    bool forbid = f->client->idle_count >= f->client->connections_max;
    if (forbid != f->reuse_forbidden)
        (void)curl_easy_setopt(f->easy, CURLOPT_FORBID_REUSE, (long)forbid);
    f->reuse_forbidden = forbid;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_fetch *f = arg;
    size_t n = size * count;
    if (f->cancelled)
        return 0;
    if (!f->head_done)
        return head_take(f, str_of(bytes, n)) ? n : 0;
    if (f->paused) { /* not taken: libcurl keeps it, reads no more, and offers it again after the pause */
        f->held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    reuse_decide(f);
    if (f->opt.on_body && f->opt.on_body(f, str_of(bytes, n), f->opt.ctx))
        f->paused = true;
    return f->cancelled ? 0 : n;
}

/* --- options ------------------------------------------------------------------------------------------------------- */

/* Options whose setting cannot fail, except that memory runs out on texts; then the handle is given up. */
#define SET(option, value) (rc = rc ? rc : curl_easy_setopt(f->easy, CURLOPT_##option, (value)))

static CURLcode set_closed_doors(struct http_fetch *f)
{
    CURLcode rc = CURLE_OK;
    SET(NOSIGNAL, 1L);
    SET(PROXY, ""); /* not NULL: that would mean the proxy variables */
    SET(FOLLOWLOCATION, 0L);
    SET(PROTOCOLS_STR, "http,https");
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
    SET(SHARE, f->client->share);
    return rc;
}

static CURLcode set_callbacks(struct http_fetch *f)
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
    SET(CLOSESOCKETDATA, f->client); /* the connection outlives this fetch */
    SET(RESOLVER_START_FUNCTION, on_resolver_start);
    SET(RESOLVER_START_DATA, f);
    SET(SSL_CTX_FUNCTION, on_ssl_context);
    SET(SSL_CTX_DATA, f);
    return rc;
}

int fetch_easy_open(struct http_fetch *f)
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
static CURLcode set_body(struct http_fetch *f)
{
    CURLcode rc = CURLE_OK;
    const char *bytes = "";
    f->body_bytes = 0;
    for (size_t i = 0; i < f->opt.body_count; i++)
        f->body_bytes += f->opt.body[i].len;
    bool large = f->body_bytes > SMALL_BODY_BYTES;
    if (large != f->large_upload)
        SET(UPLOAD_BUFFERSIZE, large ? (long)LARGE_UPLOAD_BYTES : (long)UPLOAD_BYTES);
    f->large_upload = large;
    if (large) {
        bytes = NULL;
    } else if (f->opt.body_count == 1) {
        bytes = f->opt.body[0].len ? f->opt.body[0].ptr : "";
    } else if (f->body_bytes) {
        bytes = f->body_copy = mem_alloc(f->body_bytes);
        if (!f->body_copy)
            return CURLE_OUT_OF_MEMORY;
        (void)on_read(f->body_copy, 1, f->body_bytes, f);
    }
    SET(POSTFIELDS, bytes); /* makes it a POST */
    SET(POST, 1L);
    SET(POSTFIELDSIZE_LARGE, (curl_off_t)f->body_bytes);
    return rc;
}

/* POST and GET are libcurl's own; others ride on one of them. */
static CURLcode set_method(struct http_fetch *f)
{
    CURLcode rc = CURLE_OK;
    struct str method = f->opt.method;
    bool head = str_eq(method, STR("HEAD")), post = str_eq(method, STR("POST"));
    bool plain = post || head || str_eq(method, STR("GET"));
    SET(NOBODY, head ? 1L : 0L);
    if (post || f->opt.body_count)
        rc = rc ? rc : set_body(f);
    else if (!head)
        SET(HTTPGET, 1L);
    if (!plain || f->custom_set || (f->opt.body_count && !post)) {
        f->custom_set = !plain || (f->opt.body_count && !post);
        SET(CUSTOMREQUEST, f->custom_set ? method.ptr : NULL);
    }
    return rc;
}

static CURLcode set_unix_path(struct http_fetch *f)
{
    CURLcode rc = CURLE_OK;
    struct str path = f->opt.unix_path;
    if (path.len == 0 && !f->unix_set)
        return rc;
    SET(UNIX_SOCKET_PATH, path.len ? path.ptr : NULL);
    f->unix_set = path.len > 0;
    return rc;
}

int fetch_easy_set(struct http_fetch *f)
{
    CURLcode rc = CURLE_OK;
    SET(URL, f->text);
    SET(HTTPHEADER, f->headers);
    /* Permanent entries, replaced whenever a name is resolved anew; given until libcurl has certainly taken this one. */
    SET(RESOLVE, f->site && !f->site->loaded ? &f->site->entry : NULL);
    rc = rc ? rc : set_method(f);
    rc = rc ? rc : set_unix_path(f);
    reuse_decide(f);
    f->problem[0] = '\0';
    return rc ? ERR_NOMEM : 0;
}

/* --- how it ended -------------------------------------------------------------------------------------------------- */

bool fetch_sent_any(const struct http_fetch *f)
{
    long bytes = 0;
    return f->begun && curl_easy_getinfo(f->easy, CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK && bytes > 0;
}

bool http_fetch_sent_all(const struct http_fetch *f)
{
    curl_off_t body = 0;
    if (!fetch_sent_any(f) || curl_easy_getinfo(f->easy, CURLINFO_SIZE_UPLOAD_T, &body) != CURLE_OK)
        return false;
    return (size_t)body == f->body_bytes;
}

/* The connection broke before the reply was whole. */
static enum fetch_end broken_end(const struct http_fetch *f)
{
    bool silent = f->begun && !f->opened && !f->answered && f->head.bytes == 0;
    return silent ? FETCH_STALE : FETCH_RESET;
}

static enum fetch_end end_before_request(const struct http_fetch *f, CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: return FETCH_RESOLVE;
    case CURLE_OPERATION_TIMEDOUT: return FETCH_CONNECT_TIMEOUT;
    case CURLE_COULDNT_CONNECT: return f->fenced && !f->opened ? FETCH_FENCED : FETCH_CONNECT;
    default: /* all that is left to go wrong after the connection and before the request is the handshake */
        return f->url.https ? FETCH_TLS : FETCH_CONNECT;
    }
}

enum fetch_end fetch_end_of(struct http_fetch *f, CURLcode code)
{
    if (f->refused)
        return f->refused;
    if (f->resent)
        return broken_end(f);
    if (code == CURLE_OUT_OF_MEMORY) /* also libcurl's word for a header line above 100 KiB */
        return f->begun && !f->head_done && fetch_sent_any(f) ? FETCH_TOO_LARGE : FETCH_NOMEM;
    if (!f->begun)
        return end_before_request(f, code);
    switch (code) {
    case CURLE_OK: return f->head_done ? FETCH_OK : broken_end(f); /* a close inside the head is fine with libcurl */
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
