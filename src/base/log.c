/* log.c: one line, one write; see log.h. */
#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include <stdatomic.h>
#include <unistd.h>

static atomic_int lowest_level = LOG_INFO;
static atomic_bool as_json;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_init(enum log_level lowest, bool json)
{
    atomic_store(&lowest_level, (int)lowest);
    atomic_store(&as_json, json);
}

void log_settings(enum log_level *lowest, bool *json)
{
    *lowest = (enum log_level)atomic_load(&lowest_level);
    *json = atomic_load(&as_json);
}

static bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&lowest_level, memory_order_relaxed);
}

static void write_human(struct buf *out, enum log_level level, const char *area, struct str text, const char *iso)
{
    (void)buf_append_format(out, "%.8s %-5s %s: ", iso + 11, level_names[level], area);
    for (size_t i = 0; i < text.len; i++) /* a terminal must not be steered by what a peer sent */
        (void)buf_append_char(out, (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? ' ' : text.ptr[i]);
}

static void write_json(struct buf *out, enum log_level level, const char *area, struct str text, const char *iso)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "time");
    json_text(&w, iso);
    json_key(&w, "level");
    json_text(&w, level_names[level]);
    json_key(&w, "area");
    json_text(&w, area);
    json_key(&w, "msg");
    json_str(&w, text);
    json_object_end(&w);
}

void log_line(enum log_level level, const char *area, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    AUTO_BUF struct buf text = BUF_INIT(16 * KiB), line = BUF_INIT(128 * KiB);
    va_list args;
    va_start(args, format);
    int rc = buf_append_format_v(&text, format, args);
    va_end(args);
    if (rc)
        (void)buf_append_text(&text, "(a log line was too long or memory is out)");
    char iso[CIVIL_ISO_BYTES];
    civil_iso(clock_wall_ms(clock_system()), iso);
    (atomic_load_explicit(&as_json, memory_order_relaxed) ? write_json : write_human)(&line, level, area, buf_str(&text), iso);
    (void)buf_append_char(&line, '\n');
    ssize_t n = write(STDERR_FILENO, line.ptr, line.len);
    (void)n; /* nobody is left to tell */
}

/* --- in a signal handler: no memory, no library that may hold a lock ------------------------------------------------------------------ */

struct last_line {
    char at[2048];
    size_t len;
};

static void put_char(struct last_line *l, char c)
{
    if (l->len < sizeof l->at - 4) /* room for the end */
        l->at[l->len++] = c;
}

static void put_text(struct last_line *l, const char *text, bool json)
{
    for (; *text; text++) {
        if (json && (*text == '"' || *text == '\\'))
            put_char(l, '\\');
        put_char(l, (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
    }
}

static void put_number(struct last_line *l, int n, int digits, char behind)
{
    int unit = 1;
    while (--digits)
        unit *= 10;
    for (; unit; unit /= 10)
        put_char(l, (char)('0' + n / unit % 10));
    put_char(l, behind);
}

static void put_time(struct last_line *l, bool json)
{
    int64_t ms = clock_wall_ms(clock_system());
    struct civil c = civil_from_ms(ms);
    if (json) {
        put_text(l, "{\"time\":\"", false);
        put_number(l, c.year, 4, '-');
        put_number(l, c.month, 2, '-');
        put_number(l, c.day, 2, 'T');
    }
    put_number(l, c.hour, 2, ':');
    put_number(l, c.minute, 2, ':');
    put_number(l, c.second, 2, json ? '.' : ' ');
    if (json)
        put_number(l, (int)(ms % 1000), 3, 'Z');
}

void log_in_signal(enum log_level level, const char *area, const char *const *text)
{
    bool json = atomic_load(&as_json);
    struct last_line l = {.len = 0};
    if (!log_enabled(level))
        return;
    put_time(&l, json);
    put_text(&l, json ? "\",\"level\":\"" : "", false);
    put_text(&l, level_names[level], false);
    put_text(&l, json ? "\",\"area\":\"" : " ", false);
    put_text(&l, area, false);
    put_text(&l, json ? "\",\"msg\":\"" : ": ", false);
    for (; *text; text++)
        put_text(&l, *text, json);
    if (json) {
        l.at[l.len++] = '"';
        l.at[l.len++] = '}';
    }
    l.at[l.len++] = '\n';
    ssize_t n = write(STDERR_FILENO, l.at, l.len);
    (void)n;
}
