/* fuzz_plan_signal.c: any bytes as the headers of an answer, as the body of an error and as the answer of a quota
 * endpoint. Whatever stands there, numbers stay in their ranges and names are of the letters that names have. */
#include "wire/plan_signal.h"
#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name, size_t room, bool may_be_empty)
{
    size_t n = strlen(name);
    assert(n < room && (n || may_be_empty));
    for (size_t i = 0; i < n; i++)
        assert((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '_');
}

static void check(const struct plan_signal *s)
{
    assert(s->window_count >= 0 && s->window_count <= PLAN_WINDOWS_MAX);
    assert(s->wait_ms >= -1 && s->reset_ms >= 0 && s->date_ms >= 0);
    check_name(s->claim, sizeof s->claim, true);
    check_name(s->overage_reason, sizeof s->overage_reason, true);
    for (int i = 0; i < s->window_count; i++) {
        const struct plan_window_signal *w = &s->window[i];
        check_name(w->name, sizeof w->name, false);
        assert(w->used_ppm >= -1 && w->used_ppm <= PLAN_USED_MAX && w->reset_ms >= 0 && w->span_ms >= 0);
        assert(plan_signal_window(s, str_from(w->name)) == w); /* no name twice */
        assert(plan_status_name(w->status));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plan_signal s;
    struct arena a = ARENA_INIT(16 * MiB);
    struct str all = str_of(data, size), rest = all, line, name;
    plan_signal_init(&s);
    while (str_cut(&rest, '\n', &line))
        if (str_cut(&line, ':', &name))
            plan_signal_header(&s, name, line);
    plan_signal_headers_end(&s);
    check(&s);
    plan_signal_error(&s, all, &a);
    check(&s);
    (void)plan_signal_quota(&s, all, &a);
    check(&s);
    arena_fini(&a);
    return 0;
}
