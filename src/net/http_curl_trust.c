/* http_curl_trust.c: the CA certificates for https, parsed once a day and shared by all connections of a client.
 *
 * Left to itself libcurl with Debian's built-in CApath parses the bundle anew for each connection: 18 ms of the loop's
 * time and 893 KiB. With a CAINFO it keeps one parsed store per CURLM, of which we have several. So we hand it ours. */
#include "net/http_curl_priv.h"
#include "base/mem.h"
#include <openssl/err.h>
#include <openssl/x509.h>

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define RELOAD_US (24 * 3600 * INT64_C(1000000)) /* certificates get replaced under a running daemon */

int trust_load(struct trust *t, int64_t now_us, struct err *e)
{
    if (t->store && now_us - t->loaded_us < RELOAD_US)
        return 0;
    const char *path = t->ca_file ? t->ca_file : SYSTEM_BUNDLE;
    t->loaded_us = now_us; /* also when it fails: with the old ones in hand, tomorrow is soon enough */
    X509_STORE *store = X509_STORE_new();
    if (store && X509_STORE_load_file(store, path) == 1) {
        X509_STORE_free(t->store);
        t->store = store;
        return 0;
    }
    X509_STORE_free(store);
    ERR_clear_error();
    if (t->store)
        return 0;
    return err_set(e, ERR_NOT_FOUND, "no CA certificates: %s cannot be read%s", path,
                   t->ca_file ? "" : "; install the package ca-certificates");
}

void trust_fini(struct trust *t)
{
    X509_STORE_free(t->store);
    mem_free(t->ca_file);
    *t = (struct trust){0};
}
