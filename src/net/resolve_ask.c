/* resolve_ask.c: the two ways to ask the world for a name (both wait, so on worker threads only), and literal addresses. */
#include "net/resolve_priv.h"
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>

enum {
    SERVER_WAIT_S = 1, /* per try */
    SERVER_TRIES = 2,
};

/* --- addresses ----------------------------------------------------------------------------------------------------- */

void resolve_port_set(struct sockaddr_storage *a, int port)
{
    if (a->ss_family == AF_INET)
        ((struct sockaddr_in *)a)->sin_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in6 *)a)->sin6_port = htons((uint16_t)port);
}

/* Adds an address; those beyond RESOLVE_ADDRESSES_MAX are more than anyone tries and are left out. */
static void address_add(struct resolve_answer *a, int family, const void *bytes, int port)
{
    if (a->count == RESOLVE_ADDRESSES_MAX)
        return;
    struct sockaddr_storage *to = &a->address[a->count++];
    memset(to, 0, sizeof *to);
    to->ss_family = (sa_family_t)family;
    if (family == AF_INET)
        memcpy(&((struct sockaddr_in *)to)->sin_addr, bytes, sizeof(struct in_addr));
    else
        memcpy(&((struct sockaddr_in6 *)to)->sin6_addr, bytes, sizeof(struct in6_addr));
    resolve_port_set(to, port);
}

bool resolve_literal(struct str host, int port, struct resolve_answer *out)
{
    out->count = 0;
    out->problem = NULL;
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = str_slice(host, 1, host.len - 1);
    if (str_eq_fold(host, STR("localhost")) || str_eq_fold(host, STR("localhost."))) {
        address_add(out, AF_INET, &(struct in_addr){htonl(INADDR_LOOPBACK)}, port);
        address_add(out, AF_INET6, &in6addr_loopback, port);
        return true;
    }
    char text[INET6_ADDRSTRLEN];
    if (host.len == 0 || host.len >= sizeof text || memchr(host.ptr, '\0', host.len))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    uint8_t bytes[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, text, bytes) == 1)
        address_add(out, AF_INET, bytes, port);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        address_add(out, AF_INET6, bytes, port);
    return out->count > 0;
}

/* --- asking -------------------------------------------------------------------------------------------------------- */

static const char *problem_of_gai(int rc)
{
    switch (rc) {
    case EAI_NONAME:
    case EAI_NODATA: return "no such name";
    case EAI_AGAIN: return "the name server did not answer";
    case EAI_MEMORY: return "out of memory";
    default: return "the name lookup failed";
    }
}

void resolve_ask_system(const char *host, struct resolve_answer *a)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &list);
    if (rc != 0) {
        a->problem = problem_of_gai(rc);
        return;
    }
    for (const struct addrinfo *i = list; i && a->count < RESOLVE_ADDRESSES_MAX; i = i->ai_next) {
        if ((i->ai_family == AF_INET || i->ai_family == AF_INET6) && i->ai_addrlen <= sizeof a->address[0]) {
            memset(&a->address[a->count], 0, sizeof a->address[0]);
            memcpy(&a->address[a->count++], i->ai_addr, i->ai_addrlen);
        }
    }
    freeaddrinfo(list);
    if (a->count == 0)
        a->problem = "the name has no address";
}

static const char *problem_of_h_errno(int h)
{
    switch (h) {
    case HOST_NOT_FOUND: return "no such name";
    case NO_DATA: return "the name has no address";
    case TRY_AGAIN: return "the name server did not answer";
    default: return "the name lookup failed";
    }
}

/* One record type. False when asking for another type is pointless too. */
static bool ask_server_type(res_state state, const char *host, int type, struct resolve_answer *a)
{
    unsigned char reply[NS_MAXMSG];
    int len = res_nquery(state, host, ns_c_in, type, reply, sizeof reply);
    if (len < 0) {
        if (a->count == 0)
            a->problem = problem_of_h_errno(state->res_h_errno);
        return state->res_h_errno == NO_DATA;
    }
    ns_msg message;
    if (ns_initparse(reply, len, &message) < 0) {
        a->problem = "the name server's answer is malformed";
        return false;
    }
    for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
        ns_rr rr;
        if (ns_parserr(&message, ns_s_an, i, &rr) < 0)
            break;
        if (ns_rr_type(rr) == ns_t_a && ns_rr_rdlen(rr) == sizeof(struct in_addr))
            address_add(a, AF_INET, ns_rr_rdata(rr), 0);
        else if (ns_rr_type(rr) == ns_t_aaaa && ns_rr_rdlen(rr) == sizeof(struct in6_addr))
            address_add(a, AF_INET6, ns_rr_rdata(rr), 0);
    }
    return true;
}

void resolve_ask_server(const struct sockaddr_in *server, const char *host, struct resolve_answer *a)
{
    struct __res_state state = {0};
    if (res_ninit(&state) != 0) {
        a->problem = "the name lookup failed";
        return;
    }
    /* This server and no other, whatever resolv.conf says. */
    state.nscount = 1;
    state.nsaddr_list[0] = *server;
    state.retrans = SERVER_WAIT_S;
    state.retry = SERVER_TRIES;
    state.options = RES_INIT | RES_RECURSE;
    if (ask_server_type(&state, host, ns_t_a, a))
        (void)ask_server_type(&state, host, ns_t_aaaa, a); /* its failure shows in a->problem when there is no A */
    res_nclose(&state);
    if (a->count)
        a->problem = NULL;
    else if (!a->problem)
        a->problem = "the name has no address";
}
