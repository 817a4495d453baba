/* fuzz_estimate.c: any bytes as text whose tokens are estimated. The estimate is never negative, never absurd, is zero
 * only for blanks, and does not change much when the text is cut in two. */
#include "base/mem.h"
#include "wire/wire.h"
#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct str text, bool escaped)
{
    int64_t whole = tokens_estimate(text, escaped);
    assert(whole >= 0 && whole <= 3 * (int64_t)text.len);
    assert(whole > 0 || str_trim(text).len == 0);
    struct str left = str_slice(text, 0, text.len / 2), right = str_skip(text, text.len / 2);
    int64_t parts = tokens_estimate(left, escaped) + tokens_estimate(right, escaped);
    /* A cut through a word, an escape or a run adds a few pieces on either side, or takes away their glue. */
    assert(parts - whole <= 16 && whole - parts <= 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(str_of(data, size), false);
    check(str_of(data, size), true);
    return 0;
}
