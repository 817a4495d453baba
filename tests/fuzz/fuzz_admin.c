/* fuzz_admin.c: any bytes as what the admin API reads: the JSON that wishes for a key (first byte `{`, `[` or anything), and after
 * a `?` a query. A wish that is taken keeps the rules of a key and never holds a secret; a decoded value is no longer than
 * what stood there, and is found again when it is asked for again. */
#include "base/mem.h"
#include "gateway/admin_priv.h"
#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_query(struct arena *a, struct str query)
{
    static const char *const names[] = {"by", "from", "tag", ""};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str one, again;
        bool fine = query_value(a, query, names[i], &one);
        assert(query_value(a, query, names[i], &again) == fine);
        assert(!fine || (str_eq(one, again) && one.len <= query.len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT(64 * MiB);
    struct key_wish w;
    struct err e = {0};
    if (size && data[0] == '?') {
        check_query(&a, str_of(data + 1, size - 1));
    } else if (key_wish_read(&w, &a, str_of(data, size), &e) == 0) {
        assert(!key_wish_problem(&w) && !w.secret.len && w.rpm >= 0 && w.rpm <= KEY_RPM_MAX);
    } else {
        assert(e.code < 0 && e.text[0]);
    }
    arena_fini(&a);
    return 0;
}
