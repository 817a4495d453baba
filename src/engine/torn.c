/* torn.c: the table of mapped files, and the handler of SIGBUS. */
#include "engine/torn.h"
#include "base/log.h"
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

enum { FILES_MAX = 8192 /* 32 models of 250 parts */ };

/* A row is free while its base is 0; name and bytes are written before the base, which the handler reads first. */
static struct {
    atomic_uintptr_t base;
    atomic_size_t bytes;
    const char *_Atomic name;
} files[FILES_MAX];
static atomic_size_t files_end; /* no row at or behind it was ever used */
static atomic_flag is_dying = ATOMIC_FLAG_INIT;

void torn_watch(const void *base, size_t bytes, const char *name)
{
    static atomic_flag lock = ATOMIC_FLAG_INIT; /* among those who watch; models are loaded rarely */
    while (atomic_flag_test_and_set(&lock)) {
    }
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (atomic_load(&files[i].base))
            continue;
        atomic_store(&files[i].bytes, bytes);
        atomic_store(&files[i].name, name);
        atomic_store(&files[i].base, (uintptr_t)base);
        if (i >= atomic_load(&files_end))
            atomic_store(&files_end, i + 1);
        break;
    }
    atomic_flag_clear(&lock);
}

void torn_forget(const void *base)
{
    for (size_t i = 0; i < atomic_load(&files_end); i++)
        if (atomic_load(&files[i].base) == (uintptr_t)base)
            atomic_store(&files[i].base, 0);
}

static const char *name_at(uintptr_t address)
{
    for (size_t i = 0; i < atomic_load(&files_end); i++) {
        uintptr_t base = atomic_load(&files[i].base);
        if (base && address >= base && address - base < atomic_load(&files[i].bytes))
            return atomic_load(&files[i].name);
    }
    return NULL;
}

/* The others of the pool touch the same file a moment later: they wait here for the end, so that the words are said once, and whole. */
static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    while (atomic_flag_test_and_set(&is_dying))
        (void)poll(NULL, 0, 1);
    const char *name = name_at((uintptr_t)info->si_addr);
    if (name)
        log_in_signal(LOG_ERROR, "engine", (const char *const[]){name, ": the file was cut, or can no longer be read, while it is used; the process that computes ends. Put "
                                           "the whole file in place by renaming it (mv), then have the config read again (SIGHUP)", NULL});
    else
        log_in_signal(LOG_ERROR, "engine", (const char *const[]){"memory that the system took back (SIGBUS); the process that computes ends", NULL});
    (void)signal(signal_number, SIG_DFL);
    /* returning touches it again, which ends the process by the signal itself */
}

void torn_install(void)
{
    struct sigaction a = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    (void)sigemptyset(&a.sa_mask);
    (void)sigaction(SIGBUS, &a, NULL);
}
