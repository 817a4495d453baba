/* crc32c.h: the Castagnoli checksum (RFC 3720), which guards the records of the journal. Safe from any thread. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* `crc` is 0 to begin with, or the result over the bytes that came before. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
/* The same without the processor's instruction; for tests, and where there is none. */
uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t len);
