/* patience.h: how long tests wait for what must come. Every such limit is only there so that a test that would hang
 * fails instead; what is a promise about time says so itself and is not stretched, but for what the sanitizers take.
 *
 * This is the one place that knows how much slower a build is: limits are written for a plain one, times SLOWER. Thread
 * sanitizer takes five to fifteen times as long, and the machine that runs it is seldom idle. */
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BUILT_WITH_SANITIZER 1
#endif
#if __has_feature(thread_sanitizer)
#define BUILT_WITH_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define BUILT_WITH_SANITIZER 1
#endif
#if defined(__SANITIZE_THREAD__)
#define BUILT_WITH_THREAD_SANITIZER 1
#endif

#if defined(BUILT_WITH_THREAD_SANITIZER)
enum { SANITIZED = 1, SLOWER = 15 };
#elif defined(BUILT_WITH_SANITIZER)
enum { SANITIZED = 1, SLOWER = 6 };
#else
enum { SANITIZED = 0, SLOWER = 1 };
#endif
