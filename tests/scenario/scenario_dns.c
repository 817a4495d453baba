/* scenario_dns.c: a name server on loopback that a scenario owns. It answers A questions for the names it was told,
 * says "no such name" to all others, and can keep silent. */
#include "base/mem.h"
#include "scenario.h"
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NAMES_MAX = 16, PACKET_MAX = 512, HEADER_BYTES = 12 };

struct name {
    char text[256];
    uint8_t address[4];
    bool silent;
};

struct dns {
    int fd, port;
    pthread_t thread;
    atomic_int count; /* names behind it are complete; pairs with the store in dns_verb */
    struct name name[NAMES_MAX];
};

/* The question's name as dotted text; the offset behind it, 0 if it is malformed. */
static size_t read_name(const uint8_t *packet, size_t len, char out[256])
{
    size_t at = HEADER_BYTES, used = 0;
    while (at < len && packet[at]) {
        size_t n = packet[at++];
        if (n > 63 || at + n > len || used + n + 2 > 256)
            return 0;
        if (used)
            out[used++] = '.';
        memcpy(out + used, packet + at, n);
        used += n;
        at += n;
    }
    out[used] = '\0';
    return at + 5 <= len ? at + 1 : 0;
}

static const struct name *find(struct dns *d, const char *text)
{
    for (int i = atomic_load(&d->count) - 1; i >= 0; i--) /* the newest word about a name counts */
        if (str_eq_fold(str_from(d->name[i].text), str_from(text)))
            return &d->name[i];
    return NULL;
}

/* Turns the question into its answer, in place; 0: no answer. */
static size_t answer(struct dns *d, uint8_t *packet, size_t len)
{
    char text[256];
    size_t at = len > HEADER_BYTES ? read_name(packet, len, text) : 0;
    if (at == 0)
        return 0;
    const struct name *n = find(d, text);
    if (n && n->silent)
        return 0;
    bool is_a = packet[at] == 0 && packet[at + 1] == 1;
    at += 4;
    packet[2] = 0x81; /* a response, recursion desired */
    packet[3] = n ? 0x80 : 0x83;
    packet[7] = n && is_a;
    memset(packet + 8, 0, 4);
    if (!n || !is_a)
        return at;
    static const uint8_t record[] = {0xc0, HEADER_BYTES, 0, 1, 0, 1, 0, 0, 0, 1, 0,
                                     4}; /* name, A, IN, ttl 1 s, four bytes */
    memcpy(packet + at, record, sizeof record);
    memcpy(packet + at + sizeof record, n->address, 4);
    return at + sizeof record + 4;
}

static void *serve(void *arg)
{
    struct dns *d = arg;
    uint8_t packet[PACKET_MAX + 64];
    for (;;) {
        struct sockaddr_in from;
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(d->fd, packet, PACKET_MAX, 0, (struct sockaddr *)&from, &from_len);
        if (n == 1) /* our own sign that it is over */
            return NULL;
        size_t len = n > 0 ? answer(d, packet, (size_t)n) : 0;
        if (len)
            (void)sendto(d->fd, packet, len, 0, (struct sockaddr *)&from, from_len); /* who asked will ask again */
    }
}

static struct dns *dns_open(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    struct dns *d = new0(struct dns);
    if (!d)
        return NULL;
    d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (d->fd < 0 || bind(d->fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        getsockname(d->fd, (struct sockaddr *)&a, &len) != 0 || pthread_create(&d->thread, NULL, serve, d) != 0) {
        if (d->fd >= 0)
            close(d->fd);
        mem_free(d);
        return NULL;
    }
    d->port = ntohs(a.sin_port);
    return d;
}

void dns_close(struct dns *d)
{
    if (!d)
        return;
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)d->port)};
    (void)sendto(d->fd, "", 1, 0, (struct sockaddr *)&a,
                 sizeof a); /* on loopback, with room in the queue, it arrives */
    (void)pthread_join(d->thread, NULL);
    close(d->fd);
    mem_free(d);
}

int dns_port(struct scenario *s)
{
    if (!s->dns)
        s->dns = dns_open();
    return s->dns ? s->dns->port : 0;
}

bool dns_verb(struct scenario *s, struct words *w)
{
    struct str name = words_next(w), what = words_next(w);
    if (!what.ptr || name.len > 255 || dns_port(s) == 0)
        return scenario_fail(s, "dns NAME ADDRESS, or NAME silent");
    int count = atomic_load(&s->dns->count);
    if (count == NAMES_MAX)
        return scenario_fail(s, "more than %d names", NAMES_MAX);
    struct name *n = &s->dns->name[count];
    memcpy(n->text, name.ptr, name.len);
    n->silent = str_eq(what, STR("silent"));
    if (!n->silent && inet_pton(AF_INET, text_c(s, what), n->address) != 1)
        return scenario_fail(s, "`%.*s` is no IPv4 address", STR_FMT(what));
    atomic_store(&s->dns->count, count + 1);
    return true;
}
