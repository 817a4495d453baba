/* err.c: error codes and their stories; see err.h. */
#define HEARTH_BASE_IMPLEMENTATION
#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name, *text;
} table[] = {
#define X(name, text) {#name, text},
    ERR_TABLE(X)
#undef X
};

static size_t index_of(int code)
{
    int i = code - ERR_FIRST_ - 1;
    return i >= 0 && (size_t)i < COUNT_OF(table) ? (size_t)i : SIZE_MAX;
}

const char *err_name(int code)
{
    size_t i = index_of(code);
    return code == 0 ? "ERR_OK" : i == SIZE_MAX ? "ERR_?" : table[i].name;
}

const char *err_text(int code)
{
    size_t i = index_of(code);
    return code == 0 ? "no error" : i == SIZE_MAX ? "unknown error" : table[i].text;
}

static int set(struct err *e, int code, int line, int column, const char *format, va_list args)
{
    if (!e)
        return code;
    e->code = code;
    e->line = line;
    e->column = column;
    int n = vsnprintf(e->text, sizeof e->text, format, args);
    if (n >= (int)sizeof e->text)
        memcpy(e->text + sizeof e->text - 4, "...", 4); /* a cut that says so */
    return code;
}

int err_set(struct err *e, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(e, code, 0, 0, format, args);
    va_end(args);
    return code;
}

int err_set_at(struct err *e, int code, int line, int column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(e, code, line, column, format, args);
    va_end(args);
    return code;
}

int err_set_errno(struct err *e, int code, int error_number, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(e, code, 0, 0, format, args);
    va_end(args);
    if (e) {
        size_t n = strlen(e->text);
        (void)snprintf(e->text + n, sizeof e->text - n, ": %s", strerror(error_number)); /* cut at worst in the reason */
    }
    return code;
}
