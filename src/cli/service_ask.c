/* service_ask.c: a loop asks the daemon's thread for what takes time: to read the config again. The questions wait in a
 * short list; the answers go back as messages to the loops that asked. */
#include "cli/service_priv.h"
#include "base/err.h"
#include "base/mem.h"
#include "config/config.h"
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ASKED_MAX = 16, ANSWER_BYTES_MAX = 16 * 1024, POST_AGAIN_MS = 10 };

struct service_ask {
    struct service_ask *next;
    struct loop *loop; /* who wants to know */
    gateway_told_fn *told;
    void *arg;
    int rc;
    struct buf text;
};

int service_asks_open(struct service_asks *q, struct err *e)
{
    (void)pthread_mutex_init(&q->lock, NULL); /* never fails with default attributes */
    q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return q->fd < 0 ? err_set_errno(e, ERR_IO, errno, "eventfd") : 0;
}

static void deliver(void *arg)
{
    struct service_ask *a = arg;
    a->told(a->arg, a->rc, buf_str(&a->text));
    buf_fini(&a->text);
    mem_free(a);
}

static struct service_ask *take_first(struct service_asks *q)
{
    (void)pthread_mutex_lock(&q->lock);
    struct service_ask *a = q->first;
    if (a)
        q->first = a->next;
    q->count -= a != NULL;
    (void)pthread_mutex_unlock(&q->lock);
    return a;
}

void service_asks_close(struct service_asks *q)
{
    for (struct service_ask *a; (a = take_first(q));) { /* the loops do not run any more: told here and now */
        a->rc = ERR_CLOSED;
        deliver(a);
    }
    if (q->fd >= 0)
        close(q->fd);
    (void)pthread_mutex_destroy(&q->lock);
}

int service_ask_reload(void *service, struct loop *l, gateway_told_fn *told, void *arg)
{
    struct service_asks *q = &((struct service *)service)->asks;
    struct service_ask *a = new0(struct service_ask);
    if (!a)
        return ERR_NOMEM;
    *a = (struct service_ask){.loop = l, .told = told, .arg = arg, .text = BUF_INIT(ANSWER_BYTES_MAX)};
    (void)pthread_mutex_lock(&q->lock);
    bool fits = q->count < ASKED_MAX;
    if (fits) {
        struct service_ask **end = &q->first;
        while (*end)
            end = &(*end)->next;
        *end = a;
        q->count++;
    }
    (void)pthread_mutex_unlock(&q->lock);
    if (!fits) {
        mem_free(a);
        return ERR_BUSY;
    }
    (void)eventfd_write(q->fd, 1); /* fails only when it is readable already */
    return 0;
}

static int asked_now(struct service_asks *q)
{
    (void)pthread_mutex_lock(&q->lock);
    int n = q->count;
    (void)pthread_mutex_unlock(&q->lock);
    return n;
}

int service_asked_fd(const struct service *s)
{
    return s->asks.fd;
}

void service_asked(struct service *s, int (*reload)(struct buf *text, void *ctx), void *ctx)
{
    eventfd_t ignored;
    (void)eventfd_read(s->asks.fd, &ignored);
    int now = asked_now(&s->asks); /* who asks meanwhile has made it readable again: signals are not kept waiting */
    for (struct service_ask *a; now-- > 0 && (a = take_first(&s->asks));) {
        a->rc = reload(&a->text, ctx);
        while (loop_post(a->loop, deliver, a) < 0)
            (void)poll(NULL, 0, POST_AGAIN_MS); /* memory comes back when calls end */
    }
}
