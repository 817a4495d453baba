/* test_model_tools.c: `hearth logits`, `tokenize` and `bench` as a program that reads their output meets them: its exact form, and what is said when it cannot be. */
#include "base/json.h"
#include "base/mem.h"
#include "cli_kit.h"
#include "engine/synthetic.h"
#include <dirent.h>

static struct cli_world world;

static bool world_with_models(void)
{
    static const char *const shapes[] = {"tiny-llama3", "tiny-nomic-bert"};
    struct err e = {0};
    if (!cli_world_open(&world))
        return false;
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        char path[200];
        text_format(path, sizeof path, "%s/%s.gguf", world.folder, shapes[i]);
        if (synthetic_write(path, str_from(shapes[i]), STR("Q8_0"), 1, &e) < 0) {
            test_fail(__FILE__, __LINE__, "%s", e.text);
            return false;
        }
    }
    return true;
}

/* What the words print (with a shell, for what they read), and their status. */
static int says(struct buf *out, const char *script)
{
    char whole[2000];
    buf_clear(out);
    text_format(whole, sizeof whole, "cd %s && %s", world.folder, script);
    struct cli_run r = {.pid = -1, .out = BUF_INIT(4 * MiB)};
    int pipes[2];
    if (pipe(pipes))
        return -1;
    r.fd = pipes[0];
    r.pid = fork();
    if (r.pid == 0) {
        int nothing = open("/dev/null", O_RDWR);
        char binary[600];
        text_format(binary, sizeof binary, "HEARTH=%s", cli_binary());
        char *env[] = {binary, (char *)(uintptr_t) "PATH=/usr/bin:/bin", NULL};
        if (setsid() < 0 || dup2(nothing, 0) < 0 || dup2(pipes[1], 1) < 0 || dup2(pipes[1], 2) < 0)
            _exit(126);
        (void)signal(SIGINT, SIG_DFL);
        execve("/bin/sh", (char *const[]){(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", whole, NULL}, env);
        _exit(127);
    }
    close(pipes[1]);
    cli_end(&r, 0);
    EXPECT_I64(buf_append(out, buf_str(&r.out)), 0);
    int status = r.status;
    cli_run_fini(&r);
    return status;
}

static void refused(int status, const char *script, const char *why)
{
    AUTO_BUF struct buf out = BUF_INIT(4 * MiB);
    int got = says(&out, script);
    if (got != status || str_find(buf_str(&out), str_from(why)) < 0)
        test_fail(__FILE__, __LINE__, "%s: status %d, %.*s", script, got, STR_FMT(buf_str(&out)));
}

TEST(logits_are_printed_highest_first_and_alike_however_many_threads)
{
    AUTO_BUF struct buf one = BUF_INIT(4 * MiB), two = BUF_INIT(4 * MiB);
    REQUIRE(world_with_models());
    EXPECT_I64(says(&one, "$HEARTH logits tiny-llama3.gguf --tokens 1,2,3 --top 9999999 --threads 1 --json"), 0);
    EXPECT_I64(says(&two, "$HEARTH logits tiny-llama3.gguf --tokens ' 1, 2,3' --top 1024 --threads 3 --json"), 0);
    EXPECT(one.len > 0 && str_eq(buf_str(&one), buf_str(&two)));
    struct arena a = ARENA_INIT(4 * MiB);
    struct json_node *doc = NULL;
    struct err e = {0};
    EXPECT(str_starts(buf_str(&one), STR("{\"top\":[[")) && str_ends(buf_str(&one), STR("]]}\n")));
    REQUIRE(json_parse(&a, buf_str(&one), &doc, &e) == 0);
    const struct json_node *top = json_get(doc, "top");
    EXPECT(top && top->count == 1024);
    double last_logit = 1e30, last_id = -1;
    for (const struct json_node *p = top ? top->child : NULL; p; p = p->next) {
        double id = -1, logit = 1e30;
        REQUIRE(p->count == 2 && json_to_double(p->child->text, &id) && json_to_double(p->child->next->text, &logit));
        EXPECT(logit < last_logit || (logit == last_logit && id > last_id));
        last_logit = logit, last_id = id;
    }
    arena_fini(&a);
    EXPECT_I64(says(&two, "$HEARTH logits tiny-llama3.gguf --tokens 1,2,3 --top 2 --json"), 0);
    EXPECT(two.len > 4 && str_starts(buf_str(&one), str_slice(buf_str(&two), 0, two.len - 3)));
    EXPECT_I64(says(&one, "$HEARTH logits tiny-nomic-bert.gguf --tokens 101,7,102 --embedding --json --threads 1"), 0);
    EXPECT_I64(says(&two, "$HEARTH logits tiny-nomic-bert.gguf --tokens 101,7,102 --embedding --json --threads 4"), 0);
    EXPECT(str_starts(buf_str(&one), STR("{\"embedding\":[")) && str_ends(buf_str(&one), STR("]}\n")) && str_eq(buf_str(&one), buf_str(&two)));
    cli_world_close(&world);
}

TEST(what_logits_cannot_compute_is_said)
{
    REQUIRE(world_with_models());
    refused(2, "$HEARTH logits", "which model file?");
    refused(2, "$HEARTH logits tiny-llama3.gguf tiny-llama3.gguf --tokens 1", "one file at a time");
    refused(2, "$HEARTH logits tiny-llama3.gguf", "which tokens?");
    refused(2, "$HEARTH logits tiny-llama3.gguf --tokens 1,2,", "`` in --tokens is no token number");
    refused(2, "$HEARTH logits tiny-llama3.gguf --tokens 1,,2", "`` in --tokens is no token number");
    refused(2, "$HEARTH logits tiny-llama3.gguf --tokens -1", "`-1` in --tokens is no token number");
    refused(2, "$HEARTH logits tiny-llama3.gguf --tokens 1 --top 0", "--top starts at 1");
    refused(2, "$HEARTH logits tiny-llama3.gguf --tokens 1 --threads 65", "--threads is at most 64");
    refused(1, "$HEARTH logits tiny-llama3.gguf --tokens 1024", "token 1024 is not in the vocabulary of 1024 tokens");
    refused(1, "$HEARTH logits tiny-llama3.gguf --tokens 1 --kernels sse9", "no kernels `sse9` that this machine can run; it runs ref");
    refused(1, "$HEARTH logits tiny-llama3.gguf --tokens 1 --embedding", "ask without --embedding");
    refused(1, "$HEARTH logits tiny-nomic-bert.gguf --tokens 1", "ask with --embedding");
    refused(1, "mkfifo p.gguf && $HEARTH logits p.gguf --tokens 1", "p.gguf: a device or pipe, not a file");
    cli_world_close(&world);
}

TEST(tokens_are_those_of_the_very_bytes)
{
    AUTO_BUF struct buf a = BUF_INIT(4 * MiB), b = BUF_INIT(4 * MiB);
    REQUIRE(world_with_models());
    EXPECT_I64(says(&a, "$HEARTH tokenize tiny-llama3.gguf --json"), 0);
    EXPECT_STR(buf_str(&a), "{\"tokens\":[1013]}\n");
    EXPECT_I64(says(&a, "$HEARTH tokenize tiny-llama3.gguf --no-bos --json"), 0);
    EXPECT_STR(buf_str(&a), "{\"tokens\":[]}\n");
    EXPECT_I64(says(&a, "printf 'a\\000b' | $HEARTH tokenize tiny-llama3.gguf --json"), 0);
    EXPECT_I64(says(&b, "printf 'ab' | $HEARTH tokenize tiny-llama3.gguf --json"), 0);
    EXPECT(str_starts(buf_str(&a), STR("{\"tokens\":[1013,")) && !str_eq(buf_str(&a), buf_str(&b)));
    EXPECT_I64(says(&b, "printf 'a\\000b' | $HEARTH tokenize tiny-llama3.gguf -0 --json"), 0);
    ptrdiff_t line = str_find_char(buf_str(&b), '\n');
    EXPECT(line > 0 && str_find_char(str_skip(buf_str(&b), (size_t)line + 1), '\n') == (ptrdiff_t)b.len - line - 2);
    EXPECT_I64(says(&a, "printf '\\377\\376\\n' | $HEARTH tokenize tiny-llama3.gguf --json"), 0);
    EXPECT(str_ends(buf_str(&a), STR("]}\n")));
    EXPECT_I64(says(&a, "printf '<|eot_id|>' | $HEARTH tokenize tiny-llama3.gguf --special --no-bos --json"), 0);
    EXPECT_STR(buf_str(&a), "{\"tokens\":[1022]}\n");
    refused(1, "head -c 17000000 /dev/zero | $HEARTH tokenize tiny-llama3.gguf --json", "standard input is larger than 16777216 bytes");
    refused(2, "$HEARTH tokenize a b", "one file at a time");
    cli_world_close(&world);
}

static size_t files_in(const char *name)
{
    char path[200];
    text_format(path, sizeof path, "%s/%s", world.folder, name);
    DIR *d = opendir(path);
    size_t n = 0;
    for (struct dirent *f; d && (f = readdir(d));)
        n += f->d_name[0] != '.';
    if (d)
        (void)closedir(d);
    return n;
}

TEST(a_made_up_model_is_measured_and_leaves_nothing_even_when_killed)
{
    AUTO_BUF struct buf out = BUF_INIT(4 * MiB);
    REQUIRE(cli_world_open(&world));
    EXPECT_I64(says(&out, "mkdir t && TMPDIR=t $HEARTH bench --shape tiny-qwen2 -n 2 -p 4 --json"), 0);
    EXPECT(str_starts(buf_str(&out), STR("{\"model\":\"")) && str_ends(buf_str(&out), STR("]}\n")));
    EXPECT_I64(files_in("t"), 0);
    EXPECT_I64(says(&out, "TMPDIR=t timeout -s KILL 0.5 $HEARTH bench --shape llama-3.2-1b; true"), 0);
    EXPECT_I64(files_in("t"), 0);
    refused(1, "TMPDIR=/nowhere $HEARTH bench --shape tiny-qwen2", "cannot be put into /nowhere: no file can be made there: No such file or directory; $TMPDIR names a folder");
    refused(2, "$HEARTH bench --shape nonsense", "no shape \"nonsense\"; there are llama-3.2-1b");
    refused(2, "$HEARTH bench --shape tiny-qwen2 --quant Q9", "no quantisation \"Q9\"; there are F32");
    refused(2, "$HEARTH bench --shape tiny-qwen2 --tokens 0", "--tokens is 1 to 100000");
    refused(2, "$HEARTH engine x.gguf --calls 1000", "--calls is at most 256");
    cli_world_close(&world);
}
