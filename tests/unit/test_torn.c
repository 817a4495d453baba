/* test_torn.c: a model file that is cut while threads read it: the process says which one, once, and ends by the signal that ends it anyway. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/gguf.h"
#include "engine/synthetic.h"
#include "engine/torn.h"
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[64];

static void *touch(void *arg)
{
    const struct gguf *g = arg;
    const struct gguf_tensor *t = gguf_tensor_at(g, gguf_tensor_count(g) - 1);
    volatile unsigned sum = 0;
    for (uint64_t i = 0; i < t->bytes; i++)
        sum += ((const unsigned char *)t->data)[i];
    return NULL;
}

static void die(int out, bool json)
{
    enum { THREADS = 4 };
    struct gguf *g = NULL;
    pthread_t thread[THREADS];
    (void)dup2(out, STDERR_FILENO);
    log_init(LOG_WARN, json);
    torn_install();
    if (gguf_open(&g, path, NULL) < 0 || truncate(path, 4096) < 0)
        _exit(1);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_create(&thread[i], NULL, touch, g);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(thread[i], NULL);
    _exit(2); /* it should not have come through */
}

static int last_words(bool json, struct buf *words)
{
    int fd[2], status = 0;
    struct err e = {0};
    EXPECT(synthetic_write(path, STR("tiny-llama"), STR("F32"), 1, &e) == 0 && pipe(fd) == 0);
    pid_t pid = fork();
    if (pid == 0)
        die(fd[1], json);
    (void)close(fd[1]);
    EXPECT(buf_read_fd(words, fd[0], "the pipe", &e) == 0);
    (void)close(fd[0]);
    EXPECT(waitpid(pid, &status, 0) == pid);
    (void)unlink(path);
    return status;
}

static size_t lines_of(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '\n';
    return n;
}

TEST(a_file_that_is_cut_while_it_is_read_is_named_once)
{
    for (int json = 0; json <= 1; json++) {
        AUTO_BUF struct buf words = BUF_INIT(64 * KiB);
        (void)text_format(path, sizeof path, "/tmp/hearth-torn-\"%d\".gguf", (int)getpid()); /* quotes are escaped */
        int status = last_words(json, &words);
        struct str line = buf_str(&words);
        EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
        EXPECT_I64((int64_t)lines_of(line), 1);
        if (json) {
            struct arena a = ARENA_INIT(MiB);
            struct json_node *root = NULL;
            EXPECT(json_parse(&a, str_slice(line, 0, line.len - 1), &root, NULL) == 0);
            EXPECT_STR(json_get_text(root, "level"), "error");
            EXPECT(str_starts(json_get_text(root, "msg"), str_from(path)) && json_get_text(root, "time").len == 24);
            arena_fini(&a);
        } else {
            EXPECT(str_find(line, STR(" error engine: /tmp/hearth-torn-\"")) == 8 && str_find(line, STR("was cut")) > 0);
        }
    }
}
