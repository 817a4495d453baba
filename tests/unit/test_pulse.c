/* test_pulse.c: the watchdog's food: it comes while all loops turn, and from no process in which one hangs. */
#include "net/loop.h"
#include "net/pulse.h"
#include "test.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum { LOOPS = 3, EVERY_MS = 20, LIMIT_MS = 5000 };

struct world {
    struct pulse *pulse;
    struct loop *loop[LOOPS];
    pthread_t thread[LOOPS];
    atomic_int beats;
    atomic_bool hang;
};

static void on_beat(void *ctx)
{
    atomic_fetch_add(&((struct world *)ctx)->beats, 1);
}

static void *turn(void *loop)
{
    loop_run(loop);
    return NULL;
}

static bool world_open(struct world *w)
{
    bool fine = pulse_open(&w->pulse, LOOPS, EVERY_MS, on_beat, w, NULL) == 0;
    for (int i = 0; fine && i < LOOPS; i++)
        fine = loop_open(&w->loop[i], &(struct loop_options){.clock = clock_system()}, NULL) == 0 &&
               pulse_join(w->pulse, i, w->loop[i]) == 0 && pthread_create(&w->thread[i], NULL, turn, w->loop[i]) == 0;
    return fine;
}

static void world_close(struct world *w)
{
    for (int i = 0; i < LOOPS; i++)
        loop_stop(w->loop[i]);
    for (int i = 0; i < LOOPS; i++) {
        (void)pthread_join(w->thread[i], NULL);
        pulse_leave(w->pulse, i);
        loop_close(w->loop[i]);
    }
    pulse_close(w->pulse);
}

/* Waits until there are more beats; false when there is none in time. */
static bool beats_again(struct world *w, int within_ms)
{
    int before = atomic_load(&w->beats);
    int64_t end_us = clock_mono_us(clock_system()) + within_ms * 1000;
    while (atomic_load(&w->beats) == before && clock_mono_us(clock_system()) < end_us)
        (void)poll(NULL, 0, 1);
    return atomic_load(&w->beats) != before;
}

static void hang(void *world)
{
    struct world *w = world;
    while (atomic_load(&w->hang))
        (void)poll(NULL, 0, 1);
}

static void expect_silence_while_loop_hangs(int which)
{
    struct world w = {0};
    REQUIRE(world_open(&w));
    EXPECT(beats_again(&w, LIMIT_MS) && beats_again(&w, LIMIT_MS));
    atomic_store(&w.hang, true);
    REQUIRE(loop_post(w.loop[which], hang, &w) == 0);
    for (int i = 0; i < LIMIT_MS / EVERY_MS && beats_again(&w, 8 * EVERY_MS); i++)
        ; /* what was young enough still counts for a moment */
    EXPECT(!beats_again(&w, 10 * EVERY_MS));
    atomic_store(&w.hang, false);
    EXPECT(beats_again(&w, LIMIT_MS));
    world_close(&w);
}

TEST(it_beats_while_all_loops_turn_and_stops_when_the_first_hangs)
{
    expect_silence_while_loop_hangs(0);
}

TEST(it_stops_when_another_loop_hangs_though_the_first_turns)
{
    expect_silence_while_loop_hangs(LOOPS - 1);
}
