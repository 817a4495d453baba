/* json_block_priv.h: string text sixteen bytes at a time, with SSE2, which every x86-64 has; nothing elsewhere. For the files of
 * json_*.c that define HEARTH_BASE_IMPLEMENTATION, because emmintrin.h brings functions that call malloc and free. */
#pragma once
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>

static inline __m128i json_block_load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Bit i is set when byte i is not plain: a quote, a backslash, a control, or above 127. */
static inline uint32_t json_block_specials(__m128i v)
{
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"')), slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), _mm_or_si128(control, v)));
}
#endif
