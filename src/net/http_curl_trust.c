/* http_curl_trust.c: the CA certificates for https, parsed once a day and shared by all connections of a client: the
 * system's, and beside them those the owner names. A house's own authority must not switch off the vendors'.
 *
 * Left to itself libcurl with Debian's built-in CApath parses the bundle anew for each connection: 18 ms of the loop's
 * time and 893 KiB. With a CAINFO it keeps one parsed store per CURLM, of which we have several. So we hand it ours. */
#include "net/http_curl_priv.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <unistd.h>

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define RELOAD_US (24 * 3600 * INT64_C(1000000)) /* certificates get replaced under a running daemon */

static int add_file(X509_STORE *store, const char *path, struct err *e)
{
    if (X509_STORE_load_file(store, path) == 1)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC), problem = errno;
    if (fd >= 0)
        close(fd);
    ERR_clear_error();
    if (fd < 0)
        return err_set_errno(e, ERR_NOT_FOUND, problem, "%s cannot be read", path);
    return err_set(e, ERR_INVALID, "%s holds no certificate in PEM format", path);
}

int http_ca_file_check(const char *path, struct err *e)
{
    X509_STORE *store = X509_STORE_new();
    int rc = store ? add_file(store, path, e) : err_set(e, ERR_NOMEM, "certificates");
    X509_STORE_free(store);
    return rc;
}

/* Without the system's bundle the owner's own authorities are enough. */
static int add_all(X509_STORE *store, const char *ca_file, struct err *e)
{
    struct err missing = {0};
    int rc = ca_file ? add_file(store, ca_file, e) : 0;
    if (rc == 0 && add_file(store, SYSTEM_BUNDLE, &missing) < 0 && !ca_file)
        rc = err_set(e, ERR_NOT_FOUND, "no CA certificates: %s; install the package ca-certificates", missing.text);
    return rc;
}

int trust_load(struct trust *t, int64_t now_us, struct err *e)
{
    if (t->store && now_us - t->loaded_us < RELOAD_US)
        return 0;
    t->loaded_us = now_us; /* also when it fails: with the old ones in hand, tomorrow is soon enough */
    X509_STORE *store = X509_STORE_new();
    int rc = store ? add_all(store, t->ca_file, e) : err_set(e, ERR_NOMEM, "certificates");
    if (rc < 0) {
        X509_STORE_free(store);
        return t->store ? 0 : rc;
    }
    X509_STORE_free(t->store);
    t->store = store;
    return 0;
}

void trust_fini(struct trust *t)
{
    X509_STORE_free(t->store);
    mem_free(t->ca_file);
    *t = (struct trust){0};
}
