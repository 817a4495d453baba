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
