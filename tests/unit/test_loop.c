/* test_loop.c: descriptors, timers, phases and the mailbox of loop.c, on real descriptors and a fake clock. */
#include "net/loop.h"
#include "test.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct box { /* one loop on a clock of its own, and what its callbacks wrote */
    struct clock clock;
    struct loop *loop;
    char log[256];
    size_t len;
};
static struct box *box;

static void note(char c)
{
    if (box->len < sizeof box->log - 1)
        box->log[box->len++] = c;
}

static bool box_open(struct box *b)
{
    *b = (struct box){.clock = clock_fake(1000)};
    box = b;
    return loop_open(&b->loop, &(struct loop_options){.clock = &b->clock}, NULL) == 0;
}

/* --- descriptors */

struct pair {
    struct loop_io io;
    int fd[2];
};

static struct pair *victim;

static void on_ready_a(struct loop_io *io, uint32_t events)
{
    (void)io;
    note(events & EPOLLIN ? 'a' : '?');
}

static void on_ready_kill(struct loop_io *io, uint32_t events)
{
    (void)events;
    note('k');
    struct pair *other = victim, *self = (struct pair *)io;
    loop_io_del(box->loop, &other->io);
    loop_io_del(box->loop, &self->io);
}

static bool pair_open(struct pair *p, void (*fn)(struct loop_io *, uint32_t))
{
    p->io = LOOP_IO_INIT;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fd) == 0 &&
           loop_io_add(box->loop, &p->io, p->fd[0], EPOLLIN, fn) == 0;
}

static void pair_close(struct pair *p)
{
    loop_io_del(box->loop, &p->io);
    close(p->fd[0]);
    close(p->fd[1]);
}

TEST(a_readable_descriptor_is_reported_until_it_is_paused)
{
    struct box b;
    struct pair p;
    REQUIRE(box_open(&b) && pair_open(&p, on_ready_a));
    loop_turn(b.loop, 0);
    EXPECT_STR(str_of(b.log, b.len), "");
    REQUIRE(write(p.fd[1], "x", 1) == 1);
    loop_turn(b.loop, -1);
    loop_turn(b.loop, -1);
    EXPECT_STR(str_of(b.log, b.len), "aa");
    EXPECT(loop_io_set(b.loop, &p.io, 0) == 0);
    loop_turn(b.loop, 0);
    EXPECT_STR(str_of(b.log, b.len), "aa");
    pair_close(&p);
    loop_close(b.loop);
}

TEST(an_event_of_a_descriptor_closed_in_the_same_batch_is_dropped)
{
    struct box b;
    struct pair p, q;
    REQUIRE(box_open(&b) && pair_open(&p, on_ready_kill) && pair_open(&q, on_ready_kill));
    REQUIRE(write(p.fd[1], "x", 1) == 1 && write(q.fd[1], "x", 1) == 1);
    /* Whichever comes first removes both; its victim is the other one. */
    victim = &q;
    loop_turn(b.loop, -1);
    EXPECT_STR(str_of(b.log, b.len), "k");
    pair_close(&p);
    pair_close(&q);
    loop_close(b.loop);
}

static struct pair successor;

static void on_ready_replace(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct pair *self = (struct pair *)io;
    note('r');
    loop_io_del(box->loop, &victim->io);
    if (self == victim)
        return;
    /* Takes the victim's slot, which has an event waiting in this very batch. */
    loop_io_add(box->loop, &successor.io, successor.fd[0], EPOLLIN, on_ready_a);
}

TEST(a_late_event_does_not_reach_the_next_owner_of_its_slot)
{
    struct box b;
    struct pair p, q;
    REQUIRE(box_open(&b) && pair_open(&p, on_ready_replace) && pair_open(&q, on_ready_replace));
    successor.io = LOOP_IO_INIT;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, successor.fd) == 0);
    REQUIRE(write(p.fd[1], "x", 1) == 1 && write(q.fd[1], "x", 1) == 1); /* p is reported first: epoll keeps order */
    victim = &q;
    loop_turn(b.loop, -1);
    EXPECT_STR(str_of(b.log, b.len), "r");
    EXPECT(successor.io.fd >= 0);
    pair_close(&p);
    pair_close(&q);
    pair_close(&successor);
    loop_close(b.loop);
}

TEST(the_slot_table_grows_and_slots_are_used_again)
{
    enum { MANY = 300 };
    static struct pair many[MANY];
    struct box b;
    REQUIRE(box_open(&b));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++)
            REQUIRE(pair_open(&many[i], on_ready_a));
        EXPECT(write(many[MANY - 1].fd[1], "x", 1) == 1);
        loop_turn(b.loop, -1);
        for (int i = 0; i < MANY; i++)
            pair_close(&many[i]);
    }
    EXPECT_STR(str_of(b.log, b.len), "aa");
    loop_close(b.loop);
}

/* --- timers */

struct named {
    struct loop_timer timer;
    char name;
};

static void on_timer(struct loop_timer *t)
{
    note(((struct named *)t)->name);
}

static void on_timer_again(struct loop_timer *t)
{
    on_timer(t);
    loop_timer_set(box->loop, t, 0, on_timer_again);
}

static void pass(struct box *b, int64_t ms)
{
    clock_advance(&b->clock, ms);
    loop_turn(b->loop, 0);
}

TEST(timers_fire_in_the_order_of_their_time_and_not_before)
{
    struct box b;
    struct named t[3] = {{.name = '3'}, {.name = '1'}, {.name = '2'}};
    static const int64_t after[3] = {30, 10, 20};
    REQUIRE(box_open(&b));
    for (int i = 0; i < 3; i++)
        EXPECT(loop_timer_set(b.loop, &t[i].timer, after[i], on_timer) == 0);
    EXPECT(loop_timer_pending(&t[0].timer));
    pass(&b, 9);
    EXPECT_STR(str_of(b.log, b.len), "");
    pass(&b, 1);
    EXPECT_STR(str_of(b.log, b.len), "1");
    EXPECT(!loop_timer_pending(&t[1].timer));
    pass(&b, 1000);
    EXPECT_STR(str_of(b.log, b.len), "123");
    loop_close(b.loop);
}

TEST(a_timer_pushed_away_fires_only_at_its_new_time)
{
    struct box b;
    struct named t = {.name = 't'};
    REQUIRE(box_open(&b));
    loop_timer_set(b.loop, &t.timer, 10, on_timer);
    int64_t sorted_at = t.timer.heap_us;
    pass(&b, 5);
    loop_timer_set(b.loop, &t.timer, 10, on_timer);
    EXPECT_I64(t.timer.heap_us, sorted_at); /* pushing costs nothing: it stays where it was sorted in */
    pass(&b, 5);
    EXPECT_STR(str_of(b.log, b.len), "");
    pass(&b, 5);
    EXPECT_STR(str_of(b.log, b.len), "t");
    loop_close(b.loop);
}

TEST(a_timer_pulled_nearer_fires_at_its_new_time)
{
    struct box b;
    struct named far = {.name = 'f'}, other = {.name = 'o'};
    REQUIRE(box_open(&b));
    loop_timer_set(b.loop, &other.timer, 50, on_timer);
    loop_timer_set(b.loop, &far.timer, 100, on_timer);
    loop_timer_set(b.loop, &far.timer, 10, on_timer);
    pass(&b, 10);
    EXPECT_STR(str_of(b.log, b.len), "f");
    loop_timer_cancel(b.loop, &other.timer);
    pass(&b, 100);
    EXPECT_STR(str_of(b.log, b.len), "f");
    loop_close(b.loop);
}

TEST(a_timer_that_sets_itself_to_nothing_fires_once_a_turn)
{
    struct box b;
    struct named t = {.name = 't'};
    REQUIRE(box_open(&b));
    loop_timer_set(b.loop, &t.timer, 1, on_timer_again);
    pass(&b, 1);
    EXPECT_STR(str_of(b.log, b.len), "t");
    pass(&b, 1);
    EXPECT_STR(str_of(b.log, b.len), "tt");
    loop_close(b.loop);
}

static int64_t last_due;
static long fired, out_of_order;

static void on_timer_ordered(struct loop_timer *t)
{
    int64_t due = t->heap_us;
    if (due < last_due)
        out_of_order++;
    last_due = due;
    fired++;
}

/* Random sets, pushes, pulls and cancels of a thousand timers: what is pending fires, each once, in order. */
TEST(a_thousand_timers_keep_their_order_under_random_changes)
{
    enum { MANY = 1000 };
    static struct loop_timer t[MANY];
    struct box b;
    struct rng rng;
    rng_seed(&rng, 7);
    memset(t, 0, sizeof t);
    REQUIRE(box_open(&b));
    for (int i = 0; i < 20 * MANY; i++) {
        struct loop_timer *one = &t[rng_below(&rng, MANY)];
        if (rng_below(&rng, 4) == 0)
            loop_timer_cancel(b.loop, one);
        else
            EXPECT(loop_timer_set(b.loop, one, (int64_t)rng_below(&rng, 5000) + 1, on_timer_ordered) == 0);
    }
    long pending = 0;
    for (int i = 0; i < MANY; i++)
        pending += loop_timer_pending(&t[i]);
    last_due = fired = out_of_order = 0;
    pass(&b, 10000);
    EXPECT_I64(fired, pending);
    EXPECT_I64(out_of_order, 0);
    pass(&b, 10000);
    EXPECT_I64(fired, pending);
    loop_close(b.loop);
}

/* --- phases */

struct job {
    struct loop_task task;
    char name;
    struct job *then; /* queued from inside, in its own phase */
    enum loop_phase phase, then_phase;
};

static void on_task(struct loop_task *t)
{
    struct job *j = (struct job *)t;
    note(j->name);
    if (j->then)
        loop_defer(box->loop, j->then_phase, &j->then->task, on_task);
}

TEST(phases_run_in_their_order_and_commits_made_while_sending_come_before_the_flush)
{
    struct box b;
    struct job c2 = {.name = 'd'}, c = {.name = 'c'}, f = {.name = 'f'},
               s = {.name = 's', .then = &c2, .then_phase = LOOP_COMMIT};
    REQUIRE(box_open(&b));
    loop_defer(b.loop, LOOP_FLUSH, &f.task, on_task);
    loop_defer(b.loop, LOOP_SEND, &s.task, on_task);
    loop_defer(b.loop, LOOP_COMMIT, &c.task, on_task);
    loop_defer(b.loop, LOOP_COMMIT, &c.task, on_task); /* queued at most once */
    loop_turn(b.loop, 0);
    EXPECT_STR(str_of(b.log, b.len), "csdf");
    loop_close(b.loop);
}

TEST(what_a_flush_records_is_committed_before_the_next_flush)
{
    struct box b;
    struct job c = {.name = 'c'}, f = {.name = 'f', .then = &c, .then_phase = LOOP_COMMIT}, g = {.name = 'g'};
    REQUIRE(box_open(&b));
    loop_defer(b.loop, LOOP_FLUSH, &f.task, on_task);
    loop_defer(b.loop, LOOP_FLUSH, &g.task, on_task);
    loop_turn(b.loop, 0);
    EXPECT_STR(str_of(b.log, b.len), "fcg");
    loop_close(b.loop);
}

TEST(a_flush_that_queues_itself_runs_again_next_turn_without_waiting)
{
    struct box b;
    struct job f = {.name = 'f', .then_phase = LOOP_FLUSH};
    f.then = &f;
    REQUIRE(box_open(&b));
    loop_defer(b.loop, LOOP_FLUSH, &f.task, on_task);
    loop_turn(b.loop, -1);
    EXPECT_STR(str_of(b.log, b.len), "f");
    loop_turn(b.loop, -1); /* would hang if the queued task were forgotten */
    EXPECT_STR(str_of(b.log, b.len), "ff");
    loop_defer_cancel(&f.task);
    loop_close(b.loop);
}

static struct job *cancelled;

static void on_task_cancel(struct loop_task *t)
{
    note(((struct job *)t)->name);
    loop_defer_cancel(&cancelled->task);
}

TEST(a_task_cancelled_while_its_phase_runs_does_not_run)
{
    struct box b;
    struct job f = {.name = 'f'}, g = {.name = 'g'}, h = {.name = 'h'};
    REQUIRE(box_open(&b));
    for (int which = 0; which < 2; which++) { /* in the middle, and at the end of the ring */
        loop_defer(b.loop, LOOP_FLUSH, &f.task, on_task_cancel);
        loop_defer(b.loop, LOOP_FLUSH, &g.task, on_task);
        loop_defer(b.loop, LOOP_FLUSH, &h.task, on_task);
        cancelled = which ? &h : &g;
        loop_turn(b.loop, 0);
    }
    EXPECT_STR(str_of(b.log, b.len), "fhfg");
    loop_close(b.loop);
}

/* --- mailbox */

enum { POSTERS = 3, POSTS = 2000 };
static int last_of[POSTERS];
static long received, disorder;

static void on_mail(void *arg)
{
    intptr_t v = (intptr_t)arg, who = v / POSTS, n = v % POSTS;
    if (n != last_of[who])
        disorder++;
    last_of[who] = (int)n + 1;
    if (++received == POSTERS * POSTS)
        loop_stop(box->loop);
}

static void *poster(void *arg)
{
    for (intptr_t i = 0; i < POSTS; i++)
        if (loop_post(box->loop, on_mail, (void *)((intptr_t)arg * POSTS + i)) < 0)
            break;
    return NULL;
}

TEST(messages_of_several_threads_all_arrive_in_the_order_of_each_thread)
{
    struct box b;
    pthread_t thread[POSTERS];
    REQUIRE(box_open(&b));
    received = disorder = 0;
    memset(last_of, 0, sizeof last_of);
    for (intptr_t i = 0; i < POSTERS; i++)
        REQUIRE(pthread_create(&thread[i], NULL, poster, (void *)i) == 0);
    loop_run(b.loop);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(thread[i], NULL);
    EXPECT_I64(received, POSTERS * POSTS);
    EXPECT_I64(disorder, 0);
    loop_close(b.loop);
}

static void on_mail_note(void *arg)
{
    note((char)(intptr_t)arg);
}

TEST(a_message_never_read_is_run_when_the_loop_closes)
{
    struct box b;
    REQUIRE(box_open(&b));
    EXPECT(loop_post(b.loop, on_mail_note, (void *)'m') == 0);
    loop_close(b.loop);
    EXPECT_STR(str_of(b.log, b.len), "m");
}

TEST(a_stop_asked_for_before_the_run_ends_it_at_once)
{
    struct box b;
    REQUIRE(box_open(&b));
    loop_stop(b.loop);
    loop_run(b.loop);
    loop_close(b.loop);
}

static void on_mail_nothing(void *arg)
{
    (void)arg;
}

static int use_everything(void *ctx)
{
    (void)ctx;
    struct box b;
    struct pair p = {.io = LOOP_IO_INIT, .fd = {-1, -1}};
    struct named t = {.name = 't'};
    if (!box_open(&b))
        return ERR_NOMEM;
    int rc = pair_open(&p, on_ready_a) ? 0 : ERR_NOMEM;
    if (rc == 0)
        rc = loop_timer_set(b.loop, &t.timer, 5, on_timer);
    EXPECT(rc == 0 || !loop_timer_pending(&t.timer));
    if (rc == 0)
        rc = loop_post(b.loop, on_mail_nothing, NULL);
    if (rc == 0)
        pass(&b, 5);
    EXPECT(rc != 0 || b.len == 1);
    pair_close(&p);
    loop_close(b.loop);
    return rc;
}

TEST(the_loop_survives_every_failing_allocation)
{
    test_torture("loop", use_everything, NULL);
}
