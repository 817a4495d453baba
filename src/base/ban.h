/* ban.h: functions that live in base/ only. Elsewhere they do not compile, because each has a safer or a counted twin:
 * memory goes through mem.h, formatting through buf.h, numbers through str.h, time through clock.h. */
#pragma once
#ifndef HEARTH_BASE_IMPLEMENTATION
/* The system declares them first; its headers are guarded, so including them again later changes nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(name) banned_use_base_instead_of_##name
#undef strdup
#undef strndup
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef snprintf
#undef vsprintf
#undef vsnprintf
#undef strtok
#define malloc(n) BANNED(malloc)(n)
#define calloc(n, m) BANNED(calloc)(n, m)
#define realloc(p, n) BANNED(realloc)(p, n)
#define free(p) BANNED(free)(p)
#define strdup(s) BANNED(strdup)(s)
#define strndup(s, n) BANNED(strndup)(s, n)
#define strcpy(d, s) BANNED(strcpy)(d, s)
#define strcat(d, s) BANNED(strcat)(d, s)
#define strncpy(d, s, n) BANNED(strncpy)(d, s, n)
#define strncat(d, s, n) BANNED(strncat)(d, s, n)
#define sprintf(...) BANNED(sprintf)(__VA_ARGS__)
#define snprintf(...) BANNED(snprintf)(__VA_ARGS__)
#define vsprintf(...) BANNED(vsprintf)(__VA_ARGS__)
#define vsnprintf(...) BANNED(vsnprintf)(__VA_ARGS__)
#define strtok(s, d) BANNED(strtok)(s, d)
#define atoi(s) BANNED(atoi)(s)
#define atol(s) BANNED(atol)(s)
#define atoll(s) BANNED(atoll)(s)
#define atof(s) BANNED(atof)(s)
#define strtol(s, e, b) BANNED(strtol)(s, e, b)
#define strtoul(s, e, b) BANNED(strtoul)(s, e, b)
#define strtoll(s, e, b) BANNED(strtoll)(s, e, b)
#define strtoull(s, e, b) BANNED(strtoull)(s, e, b)
#define strtod(s, e) BANNED(strtod)(s, e)
#define gmtime(t) BANNED(gmtime)(t)
#define localtime(t) BANNED(localtime)(t)
#endif
