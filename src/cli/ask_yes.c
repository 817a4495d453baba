/* ask_yes.c: a question to the person at the terminal, if one is there: a container may have a terminal and nobody at it, so
 * the wait is bounded. */
#include "cli/cli_priv.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

bool cli_ask_yes(const char *question)
{
    enum { PATIENCE_MS = 60000 };
    char line[64];
    sigset_t stop, before;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return false;
    fprintf(stderr, "%s [y/N] ", question);
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    (void)pthread_sigmask(SIG_UNBLOCK, &stop, &before); /* `serve` keeps them for its loops, which do not run yet */
    bool answered = poll(&(struct pollfd){.fd = STDIN_FILENO, .events = POLLIN}, 1, PATIENCE_MS) == 1 &&
                    fgets(line, sizeof line, stdin);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!answered)
        fprintf(stderr, "no\n");
    return answered && (line[0] == 'y' || line[0] == 'Y');
}
