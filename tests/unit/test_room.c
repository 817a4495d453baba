/* test_room.c: how much memory there is by the files of a machine, of a container and of a unit; and the context that an engine makes of it. */
#include "base/buf.h"
#include "engine/engine.h"
#include "engine/room.h"
#include "engine/synthetic.h"
#include "test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOTAL_KIB = 8 << 20, AVAILABLE_KIB = 6 << 20 };
static const uint64_t gib = 1 << 30;
static char folder[] = "/tmp/hearth-room-XXXXXX";

/* A file below the folder, with the folders on the way. */
static void put(const char *path, const char *text)
{
    char full[256];
    size_t len = text_format(full, sizeof full, "%s/%s", folder, path);
    for (size_t i = strlen(folder) + 1; i < len; i++)
        if (full[i] == '/') {
            full[i] = 0;
            (void)mkdir(full, 0700);
            full[i] = '/';
        }
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
}

static void machine(const char *groups)
{
    char text[256];
    memset(folder + sizeof folder - 7, 'X', 6);
    EXPECT(mkdtemp(folder) != NULL);
    (void)text_format(text, sizeof text, "MemTotal: %d kB\nMemFree: 17 kB\nMemAvailable:    %d kB\n", TOTAL_KIB, AVAILABLE_KIB);
    put("proc/meminfo", text);
    put("proc/self/statm", "5000 3000 1000 1 0 1 0\n");
    put("proc/self/cgroup", groups);
}

static struct room *room_here(void)
{
    struct room *r = NULL;
    char proc[128], groups[128];
    (void)text_format(proc, sizeof proc, "%s/proc", folder);
    (void)text_format(groups, sizeof groups, "%s/cgroup", folder);
    EXPECT(room_open(&r, &(struct room_files){proc, groups}, NULL) == 0);
    return r;
}

static void machine_gone(struct room *r)
{
    char command[128];
    room_close(r);
    (void)text_format(command, sizeof command, "rm -r %s", folder);
    EXPECT(system(command) == 0);
}

TEST(without_a_limit_the_machine_counts)
{
    machine("0::/hearth\n");
    put("cgroup/hearth/memory.max", "max\n");
    put("cgroup/hearth/memory.current", "12345\n");
    struct room *r = room_here();
    REQUIRE(r);
    struct room_now now = room_look(r);
    EXPECT(now.all == 8 * gib && now.available == 6 * gib && !now.limited && now.anonymous == 2000 * 4096);
    put("proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 1024 kB\n"); /* each look is a new one */
    EXPECT(room_look(r).available == 1 << 20);
    machine_gone(r);
}

/* 4 GiB for the unit, of which 3 are used, 1.5 of them for files; and 2 GiB for what is above it, of which hardly anything is used. */
TEST(a_limit_of_any_folder_above_counts_and_files_give_way)
{
    machine("7:cpu,cpuacct:/x\n0::/system.slice/hearth.service\n");
    put("cgroup/system.slice/hearth.service/memory.max", "4294967296\n");
    put("cgroup/system.slice/hearth.service/memory.current", "3221225472\n");
    put("cgroup/system.slice/hearth.service/memory.stat", "anon 1\nfile 9999999999\nactive_file 1073741824\ninactive_file 536870912\n");
    struct room *r = room_here();
    REQUIRE(r);
    struct room_now now = room_look(r);
    EXPECT(now.all == 4 * gib && now.limited && now.available == 4 * gib - 3 * gib / 2);
    room_close(r);
    put("cgroup/system.slice/memory.max", "2147483648\n");
    put("cgroup/system.slice/memory.current", "4096\n");
    r = room_here();
    REQUIRE(r);
    now = room_look(r);
    EXPECT(now.all == 2 * gib && now.limited && now.available == 2 * gib - 4096);
    machine_gone(r);
}

/* The older interface; in a container, whose own folder stands at the top and not where the file says. */
TEST(a_container_of_the_older_interface_is_found_at_the_top)
{
    machine("4:memory:/docker/0123\n1:name=systemd:/docker/0123\n");
    put("cgroup/memory/memory.limit_in_bytes", "1073741824\n");
    put("cgroup/memory/memory.usage_in_bytes", "805306368\n");
    put("cgroup/memory/memory.stat", "active_file 7\ntotal_active_file 268435456\ntotal_inactive_file 0\n");
    struct room *r = room_here();
    REQUIRE(r);
    struct room_now now = room_look(r);
    EXPECT(now.all == gib && now.limited && now.available == gib / 2);
    put("cgroup/memory/memory.usage_in_bytes", "2147483648\n"); /* beyond: nothing is left, not less than nothing */
    EXPECT(room_look(r).available == 0);
    put("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* how that interface says "none" */
    now = room_look(r);
    EXPECT(now.all == 8 * gib && !now.limited && now.available == 6 * gib);
    machine_gone(r);
}

TEST(what_does_not_say_is_not_known)
{
    memset(folder + sizeof folder - 7, 'X', 6);
    EXPECT(mkdtemp(folder) != NULL);
    struct room *r = room_here();
    REQUIRE(r);
    struct room_now now = room_look(r);
    EXPECT(now.all == 0 && now.available == 0 && now.anonymous == 0 && !now.limited);
    machine_gone(r);
    REQUIRE(room_open(&r, NULL, NULL) == 0); /* this machine's own */
    now = room_look(r);
    EXPECT(now.all > 1 << 20 && now.available > 0 && now.available <= now.all && now.anonymous > 0);
    room_close(r);
}

/* --- the context an engine makes of it ----------------------------------------------------------------------------------------------- */

static int open_with(struct engine **out, const char *path, size_t context, uint64_t all, uint64_t left, struct err *e)
{
    struct gguf *g = NULL;
    int rc = gguf_open(&g, path, e);
    struct engine_options o = {.threads = 1, .context = context, .memory_all = all, .memory_free = left};
    return rc < 0 ? rc : engine_open(out, g, &o, e);
}

TEST(a_context_goes_by_memory_and_one_that_can_never_be_is_refused_with_the_numbers)
{
    char path[64];
    struct err e = {0};
    struct engine *g = NULL;
    (void)text_format(path, sizeof path, "/tmp/hearth-room-%d.gguf", (int)getpid());
    REQUIRE(synthetic_write(path, STR("tiny-llama"), STR("F32"), 1, &e) == 0);
    REQUIRE(open_with(&g, path, 0, 0, 0, &e) == 0);
    struct kv_shape shape;
    model_kv_shape(g->model, KV_F16, &shape);
    size_t trained = g->model->context_trained, page = kv_page_bytes(&shape);
    uint64_t weights = engine_memory(g).weights;
    EXPECT(g->context == trained && trained > 0);
    engine_close(g);

    static const size_t asked[] = {65536, 300000};
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        uint64_t whole = weights + asked[i] / KV_PAGE_TOKENS * page;
        EXPECT(open_with(&g, path, asked[i], whole + page, 1, &e) == 0 && g->context == asked[i]); /* little is free now: it is given */
        engine_close(g);
        g = NULL;
        EXPECT(open_with(&g, path, asked[i], whole - page, whole, &e) == ERR_LIMIT);
        char number[64];
        (void)text_format(number, sizeof number, "context of %zu tokens takes %zu MiB", asked[i], (size_t)((asked[i] + 63) / 64 * page >> 20));
        EXPECT(strstr(e.text, number));
        (void)text_format(number, sizeof number, "%zu MiB of memory in all: room for %zu tokens", (size_t)((whole - page) >> 20),
                          (asked[i] / KV_PAGE_TOKENS - 1) * KV_PAGE_TOKENS);
        EXPECT(strstr(e.text, number));
    }
    (void)unlink(path);
}

/* Each has room alone, and both never could grow. */
TEST(a_context_that_cannot_stand_beside_what_others_may_take_is_refused_with_the_numbers)
{
    enum { CONTEXT = 1 << 19, TOKEN_BYTES = 768 };
    char path[64], said[160];
    struct err e = {0};
    (void)text_format(path, sizeof path, "/tmp/hearth-room-%d.gguf", (int)getpid());
    REQUIRE(synthetic_write(path, STR("tiny-llama3"), STR("Q8_0"), 1, &e) == 0);
    const uint64_t own = (uint64_t)CONTEXT * TOKEN_BYTES, all = own * 3 / 2;
    static const struct {
        size_t context;
        uint64_t others;
        bool fits;
    } cases[] = {{CONTEXT, 0, true}, {CONTEXT, CONTEXT / 4 * TOKEN_BYTES, true}, {CONTEXT, CONTEXT * UINT64_C(768), false}, {CONTEXT / 4, CONTEXT * UINT64_C(768), true},
                 {CONTEXT, CONTEXT * UINT64_C(1536), false}, {0, CONTEXT * UINT64_C(1536), true /* takes the least */}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct gguf *file = NULL;
        struct engine *g = NULL;
        REQUIRE(gguf_open(&file, path, &e) == 0);
        uint64_t weights = gguf_tensor_bytes(file), left = all > weights + cases[i].others ? all - weights - cases[i].others : 0;
        struct engine_options o = {.threads = 1, .context = cases[i].context, .memory_all = all, .memory_free = 1, .memory_others = cases[i].others};
        EXPECT_I64(engine_open(&g, file, &o, &e), cases[i].fits ? 0 : ERR_LIMIT);
        engine_close(g);
        if (cases[i].fits)
            continue;
        (void)text_format(said, sizeof said, " MiB of weights and %zu MiB that other models here may come to take, and there are %zu MiB of memory in all: room for %zu tokens",
                          (size_t)(cases[i].others >> 20), (size_t)(all >> 20), (size_t)(left / TOKEN_BYTES / KV_PAGE_TOKENS * KV_PAGE_TOKENS));
        EXPECT(strstr(e.text, said) && strstr(e.text, "of this model or of the others"));
    }
    (void)unlink(path);
}

TEST(without_being_asked_a_context_takes_half_of_what_is_free)
{
    enum { LEAST = 2048 };
    char path[64];
    struct err e = {0};
    (void)text_format(path, sizeof path, "/tmp/hearth-room-%d.gguf", (int)getpid());
    REQUIRE(synthetic_write(path, STR("tiny-llama3"), STR("Q8_0"), 1, &e) == 0);
    static const struct {
        uint64_t free_kib; /* beside the weights */
        size_t context;
    } cases[] = {{64 << 10, 16384}, {2 * 4096 * 768 / 1024, 4096}, {0, LEAST}, {100, LEAST}}; /* 768 bytes a token in this shape */
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct gguf *file = NULL;
        struct engine *g = NULL;
        REQUIRE(gguf_open(&file, path, &e) == 0);
        struct engine_options o = {.threads = 1, .memory_all = 100 * gib, .memory_free = gguf_tensor_bytes(file) + (cases[i].free_kib << 10)};
        REQUIRE(engine_open(&g, file, &o, &e) == 0);
        EXPECT_I64((int64_t)g->context, (int64_t)cases[i].context);
        EXPECT(g->context_wished == 16384);
        engine_close(g);
    }
    (void)unlink(path);
}
