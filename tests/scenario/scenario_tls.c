/* scenario_tls.c: TLS in front of a simulated upstream, with a certificate of the kind a scenario asks for. A thread of its
 * own per connection ends the TLS and hands the bytes on.
 *
 * Certificates are made anew in each run, for 127.0.0.1 and localhost, signed by an authority whose certificate lies in
 * ca.pem in the scenario's folder (`ca_file: $folder/ca.pem`). */
#include "base/mem.h"
#include "scenario.h"
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK_MS = 50, BYTES = 16 * 1024, DAY_S = 86400, CONNS_MAX = 64 };

enum kind { KIND_GOOD, KIND_EXPIRED, KIND_EARLY, KIND_WRONG_NAME, KIND_SELF_SIGNED, KIND_SILENT };
static const char *const kinds[] = {"good", "expired", "early", "wrong-name", "self-signed", "silent"};

struct authority {
    EVP_PKEY *key;
    X509 *cert;
};

struct tls_conn {
    struct tls_front *front;
    pthread_t thread;
    int fd;
};

struct tls_front {
    enum kind kind;
    int listen_fd, port, behind_port;
    SSL_CTX *context;
    pthread_t thread; /* takes connections */
    atomic_bool over;
    struct tls_conn conn[CONNS_MAX]; /* all there have been; those behind them are refused */
    int conn_count;
};

/* --- certificates ------------------------------------------------------------------------------------------------- */

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    (void)X509_add_ext(cert, x, -1); /* what fails here shows in the first handshake */
    X509_EXTENSION_free(x);
}

/* issuer NULL: signed by itself. */
static X509 *make_cert(EVP_PKEY *key, const char *name, const char *alt, const struct authority *issuer, long from_s,
                       long to_s)
{
    static long serial;
    X509 *cert = X509_new();
    (void)X509_set_version(cert, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), to_s);
    (void)X509_set_pubkey(cert, key);
    (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                     -1, 0);
    (void)X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer->cert : cert));
    add_extension(cert, NID_basic_constraints, alt ? "CA:FALSE" : "critical,CA:TRUE");
    if (alt)
        add_extension(cert, NID_subject_alt_name, alt);
    (void)X509_sign(cert, issuer ? issuer->key : key, EVP_sha256());
    return cert;
}

static bool make_authority(struct scenario *s, struct authority *a)
{
    a->key = EVP_EC_gen("P-256");
    a->cert = make_cert(a->key, "an authority for tests", NULL, NULL, -3L * DAY_S, DAY_S);
    char *path = arena_format(&s->arena, "%s/ca.pem", s->folder);
    FILE *f = path ? fopen(path, "w") : NULL;
    bool ok = f && PEM_write_X509(f, a->cert) == 1;
    return (!f || fclose(f) == 0) && ok;
}

static bool make_context(struct tls_front *t, const struct authority *a)
{
    static const char here[] = "IP:127.0.0.1,DNS:localhost";
    EVP_PKEY *key = EVP_EC_gen("P-256");
    long from = t->kind == KIND_EARLY ? DAY_S : -2L * DAY_S, to = t->kind == KIND_EXPIRED ? -DAY_S : 2L * DAY_S;
    X509 *cert = make_cert(key, "an upstream for tests", t->kind == KIND_WRONG_NAME ? "DNS:other.test" : here,
                           t->kind == KIND_SELF_SIGNED ? NULL : a, from, to);
    t->context = SSL_CTX_new(TLS_server_method());
    bool ok =
        t->context && SSL_CTX_use_certificate(t->context, cert) == 1 && SSL_CTX_use_PrivateKey(t->context, key) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    return ok;
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/* Waits until one of the two can be read, or it is over. */
static bool wait_readable(struct tls_front *t, struct pollfd *p, nfds_t count)
{
    int n = 0;
    while (n == 0 && !atomic_load(&t->over))
        n = poll(p, count, LOOK_MS);
    return n > 0;
}

static bool send_all(int fd, const char *bytes, int len)
{
    for (ssize_t n; len > 0; bytes += n, len -= (int)n)
        if ((n = send(fd, bytes, (size_t)len, MSG_NOSIGNAL)) <= 0)
            return false;
    return true;
}

/* Bytes both ways until one side ends. */
static void hand_on(struct tls_front *t, SSL *ssl, int fd, int behind)
{
    char bytes[BYTES];
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = behind, .events = POLLIN}};
    int n = 1;
    while (n > 0 && wait_readable(t, p, 2)) {
        if (p[0].revents)
            do
                n = SSL_read(ssl, bytes, sizeof bytes);
            while (n > 0 && send_all(behind, bytes, n) && SSL_pending(ssl));
        if (n > 0 && p[1].revents) {
            n = (int)recv(behind, bytes, sizeof bytes, 0);
            if (n > 0)
                n = SSL_write(ssl, bytes, n);
        }
    }
}

static void serve_one(struct tls_front *t, int fd)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)t->behind_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 5}; /* for a peer that stops in the middle of its handshake */
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char dropped[BYTES];
    if (t->kind == KIND_SILENT) { /* takes what comes, answers nothing, until the peer has enough of it */
        while (wait_readable(t, &p, 1) && recv(fd, dropped, sizeof dropped, 0) > 0)
            ;
        return;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    SSL *ssl = SSL_new(t->context);
    int behind = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1 &&
        connect(behind, (struct sockaddr *)&a, sizeof a) == 0) {
        hand_on(t, ssl, fd, behind);
        (void)SSL_shutdown(ssl);
    }
    if (behind >= 0)
        close(behind);
    SSL_free(ssl);
}

static void *conn_run(void *arg)
{
    struct tls_conn *c = arg;
    serve_one(c->front, c->fd);
    close(c->fd);
    return NULL;
}

static void *front_run(void *arg)
{
    struct tls_front *t = arg;
    struct pollfd p = {.fd = t->listen_fd, .events = POLLIN};
    while (wait_readable(t, &p, 1)) {
        int fd = accept4(t->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        struct tls_conn *c = t->conn_count < CONNS_MAX ? &t->conn[t->conn_count] : NULL;
        if (fd < 0)
            continue;
        if (c)
            *c = (struct tls_conn){.front = t, .fd = fd};
        if (!c || pthread_create(&c->thread, NULL, conn_run, c) != 0)
            close(fd);
        else
            t->conn_count++;
    }
    for (int i = 0; i < t->conn_count; i++)
        (void)pthread_join(t->conn[i].thread, NULL); /* each looks up soon, and sees that it is over */
    return NULL;
}

/* --- the door ----------------------------------------------------------------------------------------------------- */

void tls_front_close(struct tls_front *t)
{
    if (!t)
        return;
    if (t->port) {
        atomic_store(&t->over, true);
        (void)pthread_join(t->thread, NULL);
    }
    if (t->listen_fd >= 0)
        close(t->listen_fd);
    SSL_CTX_free(t->context);
    mem_free(t);
}

void tls_authority_free(struct authority *a)
{
    if (!a)
        return;
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
    mem_free(a);
}

static bool front_listen(struct tls_front *t)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    t->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (t->listen_fd < 0 || bind(t->listen_fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(t->listen_fd, 16) != 0 ||
        getsockname(t->listen_fd, (struct sockaddr *)&a, &len) != 0 ||
        pthread_create(&t->thread, NULL, front_run, t) != 0)
        return false;
    t->port = ntohs(a.sin_port);
    return true;
}

static int kind_named(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_eq(name, str_from(kinds[i])))
            return (int)i;
    return -1;
}

bool tls_front_open(struct scenario *s, struct tls_front **out, struct str kind, int behind_port)
{
    int k = kind_named(kind);
    if (k < 0)
        return scenario_fail(s, "no kind of TLS is called `%.*s`", STR_FMT(kind));
    if (!s->authority && (!(s->authority = new0(struct authority)) || !make_authority(s, s->authority)))
        return scenario_fail(s, "no authority for TLS");
    struct tls_front *t = new0(struct tls_front);
    if (!t)
        return scenario_fail(s, "out of memory");
    t->kind = (enum kind)k;
    t->behind_port = behind_port;
    t->listen_fd = -1;
    if (!make_context(t, s->authority) || !front_listen(t)) {
        tls_front_close(t);
        return scenario_fail(s, "no TLS in front of an upstream");
    }
    *out = t;
    return true;
}

int tls_front_port(const struct tls_front *t)
{
    return t->port;
}
