/* http_site.c: where requests go: hosts and unix sockets as each pool sees them, with the addresses that are known now and
 * the connections that are kept. Few: one per upstream and boundary, so a list will do, the one used last in front. */
#include "net/http_client_priv.h"
#include "base/mem.h"
#include <assert.h>

enum {
    SITES_MAX = 256,             /* further ones replace those longest unused, as far as nothing hangs on them */
    SITE_FRESH_US = 5 * 1000000, /* between asking the resolver again; its own cache adds to it */
};

static void site_free(struct site *s)
{
    mem_free(s->address);
    mem_free(s);
}

/* Makes room by dropping the one longest unused. libcurl may remember its addresses, but is given new ones (another serial)
 * before the name is used again. */
static void sites_trim(struct http_client *c)
{
    struct site **last = NULL;
    for (struct site **at = &c->sites; *at; at = &(*at)->next)
        if ((*at)->users == 0 && !(*at)->idle)
            last = at;
    if (c->site_count < SITES_MAX || !last)
        return; /* all in use: then there are at most as many as fetches and kept connections */
    struct site *s = *last;
    *last = s->next;
    c->site_count--;
    site_free(s);
}

/* RFC 8305: families take turns, so that a broken one costs one attempt and not all of them. */
static void interleave(struct sockaddr_storage *out, const struct sockaddr_storage *in, int count)
{
    int same = 0, other = 0;
    for (int k = 0; k < count; k++) {
        bool want_same = k % 2 == 0;
        for (int pass = 0; pass < 2; pass++, want_same = !want_same) {
            int *at = want_same ? &same : &other;
            while (*at < count && (in[*at].ss_family == in[0].ss_family) != want_same)
                (*at)++;
            if (*at < count) {
                out[k] = in[(*at)++];
                break;
            }
        }
    }
}

int site_set(struct http_client *c, struct site *s, const struct resolve_answer *a)
{
    struct sockaddr_storage *address = new0_array(struct sockaddr_storage, (size_t)a->count);
    if (!address)
        return ERR_NOMEM;
    interleave(address, a->address, a->count);
    mem_free(s->address);
    s->address = address;
    s->address_count = a->count;
    s->serial = ++c->site_serial;
    s->fresh_until_us = s->literal ? INT64_MAX : loop_now_us(c->loop) + SITE_FRESH_US;
    return 0;
}

static struct site *site_new(struct http_client *c, uint32_t pool, struct str host, int port)
{
    struct site *s = mem_zalloc(sizeof *s + host.len + 1);
    if (!s)
        return NULL;
    s->host = str_of(memcpy(s + 1, host.ptr, host.len), host.len);
    s->pool = pool;
    s->port = port;
    struct resolve_answer a;
    s->literal = port > 0 && resolve_literal(host, port, &a);
    if (port == 0)
        s->fresh_until_us = INT64_MAX;
    if (!s->literal || site_set(c, s, &a) == 0)
        return s;
    site_free(s);
    return NULL;
}

static bool is_at(const struct site *s, uint32_t pool, struct str host, int port)
{
    if (s->pool != pool || s->port != port)
        return false;
    return port ? str_eq_fold(s->host, host) : str_eq(s->host, host);
}

struct site *site_get(struct http_client *c, uint32_t pool, struct str host, int port)
{
    struct site **at = &c->sites, *s;
    while ((s = *at) && !is_at(s, pool, host, port))
        at = &s->next;
    if (s && at == &c->sites)
        return s;
    if (s) {
        *at = s->next;
    } else {
        sites_trim(c);
        s = site_new(c, pool, host, port);
        if (!s)
            return NULL;
        c->site_count++;
    }
    s->next = c->sites;
    c->sites = s;
    return s;
}

void sites_fini(struct http_client *c)
{
    while (c->sites) {
        struct site *s = c->sites;
        assert(s->users == 0 && !s->idle);
        c->sites = s->next;
        site_free(s);
    }
}
