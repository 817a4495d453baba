/* simd.c: simulated upstreams in the foreground, for benchmarks and for tests written in other languages.
 *
 *   simd --port P --flavour F [--script S] [--port P --flavour F ...]
 *
 * Each --flavour adds an upstream (--port before it, 0 picks one; --script behind it). Prints `listening
 * 127.0.0.1:PORT` per upstream, then reads commands, one a line, IDX counting from 0:
 *   script IDX SCRIPT | down IDX | up IDX | reset IDX     answered by `ok` or `error: why`
 *   seen IDX                                              answered by one line of JSON
 *   last IDX                                              the last request as a JSON string
 * and ends at the end of its input. */
#include "base/json.h"
#include "base/mem.h"
#include "sim/sim.h"
#include <stdio.h>
#include <sys/resource.h>

static int usage(void)
{
    (void)fputs("usage: simd --port P --flavour F [--script S] [--port P --flavour F [--script S]]...\n", stderr);
    return 2;
}

static int failed(const struct err *e)
{
    (void)fprintf(stderr, "simd: %s\n", e->text);
    return 1;
}

/* Ten thousand streams need as many descriptors. */
static void raise_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &r); /* then there are fewer */
}

static void print_seen(struct sim *s, int index)
{
    struct sim_seen n;
    sim_seen(s, index, &n);
    printf("{\"connections\":%ld,\"requests\":%ld,\"completed\":%ld,\"aborted\":%ld,\"open\":%ld,\"probes\":%ld}\n",
           n.connections, n.requests, n.completed, n.aborted, n.open, n.probes);
}

static void print_last(struct sim *s, int index)
{
    AUTO_BUF struct buf last = BUF_INIT(128 * MiB);
    AUTO_BUF struct buf json = BUF_INIT(256 * MiB);
    struct json_writer w = JSON_WRITER(&json);
    if (sim_last_request(s, index, &last) == 0) {
        json_str(&w, buf_str(&last));
        if (json_done(&w) == 0) {
            printf("%.*s\n", STR_FMT(buf_str(&json)));
            return;
        }
    }
    printf("error: out of memory\n");
}

static void run_command(struct sim *s, int count, struct str line)
{
    struct str verb = STR_NONE, number = STR_NONE;
    struct err e = {0};
    uint64_t index;
    int rc = 0;
    (void)str_cut(&line, ' ', &verb);
    (void)str_cut(&line, ' ', &number);
    if (!str_to_u64(number, &index) || index >= (uint64_t)count) {
        printf("error: no such upstream\n");
        return;
    }
    if (str_eq(verb, STR("seen"))) {
        print_seen(s, (int)index);
        return;
    }
    if (str_eq(verb, STR("last"))) {
        print_last(s, (int)index);
        return;
    }
    if (str_eq(verb, STR("script")))
        rc = sim_script(s, (int)index, line.ptr ? line.ptr : "", &e); /* the line ends with a NUL */
    else if (str_eq(verb, STR("down")))
        sim_down(s, (int)index);
    else if (str_eq(verb, STR("up")))
        rc = sim_up(s, (int)index, &e);
    else if (str_eq(verb, STR("reset")))
        sim_seen_reset(s, (int)index);
    else
        rc = err_set(&e, ERR_NOT_FOUND, "unknown command");
    if (rc)
        printf("error: %s\n", e.text);
    else
        printf("ok\n");
}

static int read_arguments(struct sim *s, int argc, char **argv, int *count)
{
    struct err e = {0};
    uint64_t port = 0;
    int index = -1, rc = 0;
    for (int i = 1; i < argc; i += 2) {
        struct str option = str_from(argv[i]);
        if (i + 1 == argc)
            return usage();
        if (str_eq(option, STR("--port")) && str_to_u64(str_from(argv[i + 1]), &port) && port <= 65535)
            continue;
        if (str_eq(option, STR("--flavour")))
            rc = index = sim_add(s, argv[i + 1], argv[i + 1], (int)port, &e);
        else if (str_eq(option, STR("--script")) && index >= 0)
            rc = sim_script(s, index, argv[i + 1], &e);
        else
            return usage();
        if (rc < 0)
            return failed(&e);
        port = str_eq(option, STR("--flavour")) ? 0 : port;
    }
    *count = index + 1;
    return index < 0 ? usage() : 0;
}

int main(int argc, char **argv)
{
    struct sim *s;
    struct err e = {0};
    int count = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    raise_limit();
    if (sim_open(&s, &e) != 0)
        return failed(&e);
    int status = read_arguments(s, argc, argv, &count);
    for (int i = 0; status == 0 && i < count; i++)
        printf("listening 127.0.0.1:%d\n", sim_port(s, i));
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while (status == 0 && (len = getline(&line, &cap, stdin)) > 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            line[--len] = '\0';
        if (len > 0)
            run_command(s, count, str_from(line));
    }
    mem_free(line); /* getline's memory is malloc's, and so is mem.h's */
    sim_close(s);
    return status;
}
