/* json_priv.h: what the json_*.c files share: the inside of strings, which is where nearly all bytes of a body are. */
#pragma once
#include "base/json.h"

/* From just behind an opening quote to its closing quote, each byte checked. When something is wrong, *problem is set
 * and the result is the place; otherwise *problem is left alone. Never reads at or behind `end`. */
const char *json_string_end(const char *p, const char *end, const char **problem);
/* The same without vector instructions; always built, so that tests hold the two against each other. */
const char *json_string_end_portable(const char *p, const char *end, const char **problem);

/* How long the run of bytes from p is that a writer can copy as they are: ASCII, no quote, backslash or control. */
size_t json_plain_run(const char *p, const char *end);
/* Length of the well-formed UTF-8 sequence of a code point above 127 that starts at p; 0 if there is none. */
unsigned json_utf8_sequence(const char *p, const char *end);

/* Behind the number that starts at p, or NULL if RFC 8259 knows no such number. */
const char *json_number_end(const char *p, const char *end);
