/* fuzz_claude_log.c: any bytes as a line of a client's logs. What it tells is in range, and parts are no more than the whole. */
#include "wire/claude_log.h"
#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT(16 * MiB);
    struct claude_log_entry e;
    if (claude_log_read(str_of(data, size), &a, &e)) {
        assert(e.model.len && e.usage.input >= 0 && e.usage.output >= 0 && (e.usage.input || e.usage.output));
        assert(e.usage.cached >= 0 && e.usage.cache_write >= 0 && e.usage.cached + e.usage.cache_write <= e.usage.input);
    }
    arena_fini(&a);
    return 0;
}
