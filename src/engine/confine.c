/* confine.c: the walls, and the proof that they stand.
 *
 * The list is what one event loop, the threads of the pool and the C library use; found by running the engine under the list and
 * looking at what was refused. `socket`, `connect`, `bind`, `openat`, `execve`, io_uring, ptrace and the rest are simply not on it. */
#include "engine/confine.h"
#include "base/json.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static pid_t parent; /* as it was before the walls: afterwards nobody may ask */

bool confine_available(void)
{
#if defined(MACHINE) && !defined(SANITIZED)
    return true;
#else
    return false;
#endif
}

#if defined(MACHINE) && !defined(SANITIZED)
static const int allowed[] = {
    /* descriptors it has */
    __NR_read, __NR_write, __NR_readv, __NR_writev, __NR_pread64, __NR_close, __NR_lseek, __NR_fstat, __NR_accept4, __NR_recvmsg, __NR_sendmsg,
    __NR_recvfrom, __NR_sendto, __NR_shutdown, __NR_getsockopt, __NR_setsockopt, __NR_getsockname, __NR_getpeername, __NR_dup3,
    /* waiting */
    __NR_epoll_create1, __NR_epoll_ctl, __NR_epoll_pwait, __NR_eventfd2, __NR_futex, __NR_ppoll, __NR_clock_nanosleep, __NR_nanosleep, __NR_restart_syscall,
    /* memory */
    __NR_munmap, __NR_mremap, __NR_madvise, __NR_brk,
    /* threads */
    __NR_exit, __NR_exit_group, __NR_set_robust_list, __NR_rseq, __NR_sched_yield, __NR_sched_getaffinity, __NR_gettid, __NR_getpid, __NR_membarrier,
    /* signals, time, chance */
    __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_sigaltstack, __NR_clock_gettime, __NR_gettimeofday, __NR_clock_getres,
    __NR_getrandom, __NR_getrusage,
#if defined(__x86_64__)
    __NR_epoll_wait, __NR_poll, __NR_time,
#endif
};

enum { FILTER_MAX = 256 };

struct filter {
    struct sock_filter op[FILTER_MAX];
    unsigned short count;
};

static void put(struct filter *f, struct sock_filter op)
{
    if (f->count < FILTER_MAX) /* found full by confine_self */
        f->op[f->count++] = op;
}

static void load(struct filter *f, size_t offset)
{
    put(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct filter *f, uint32_t what)
{
    put(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

static void if_equal_answer(struct filter *f, uint32_t value, uint32_t what)
{
    put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    answer(f, what);
}

/* `number` passes unless the low half of its argument `index` has one of `bits` (refuse) or lacks one (demand). */
static void if_flags(struct filter *f, int number, int index, uint32_t bits, bool demand)
{
    uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;
    put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 4));
    load(f, offsetof(struct seccomp_data, args) + (size_t)index * 8);
    put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
    answer(f, demand ? SECCOMP_RET_ALLOW : refuse);
    answer(f, demand ? refuse : SECCOMP_RET_ALLOW);
}

/* `number` passes if the low half of its argument `index` is one of these. */
static void if_one_of(struct filter *f, int number, int index, const uint32_t *value, size_t count)
{
    put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, (unsigned char)(2 * count + 2)));
    load(f, offsetof(struct seccomp_data, args) + (size_t)index * 8);
    for (size_t i = 0; i < count; i++)
        if_equal_answer(f, value[i], SECCOMP_RET_ALLOW);
    answer(f, SECCOMP_RET_ERRNO | EPERM);
}

static void build(struct filter *f)
{
    load(f, offsetof(struct seccomp_data, arch));
    put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0));
    answer(f, SECCOMP_RET_KILL_PROCESS); /* another ABI has other numbers */
    load(f, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < COUNT_OF(allowed); i++)
        if_equal_answer(f, (uint32_t)allowed[i], SECCOMP_RET_ALLOW);
    if_equal_answer(f, __NR_clone3, SECCOMP_RET_ERRNO | ENOSYS); /* its flags cannot be looked at; the C library then takes clone */
    enum { PROT_EXEC_BIT = 4, THREAD_BIT = 0x00010000 };
    if_flags(f, __NR_mmap, 2, PROT_EXEC_BIT, false);
    if_flags(f, __NR_mprotect, 2, PROT_EXEC_BIT, false);
    if_flags(f, __NR_clone, 0, THREAD_BIT, true); /* threads, no processes */
    /* Signals to itself alone: others of the same user could be ended, the daemon first. F_SETOWN would be a way around. */
    if_one_of(f, __NR_tgkill, 0, (const uint32_t[]){(uint32_t)getpid()}, 1);
    if_one_of(f, __NR_fcntl, 1, (const uint32_t[]){F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC}, 5);
    answer(f, SECCOMP_RET_ERRNO | EPERM);
}
#endif

int confine_self(struct confinement *out, struct err *e)
{
    struct confinement c = {0};
    parent = getppid();
#if defined(MACHINE) && !defined(SANITIZED)
    /* A user namespace is what lets others than root make a network namespace. Containers often refuse both. */
    c.network_namespace = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 || unshare(CLONE_NEWNET) == 0;
    c.no_new_privileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    static struct filter f;
    f.count = 0;
    build(&f);
    if (f.count == FILTER_MAX)
        return err_set(e, ERR_LIMIT, "the list of system calls is longer than its room");
    struct sock_fprog program = {.len = f.count, .filter = f.op};
    if (!c.no_new_privileges || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        return err_set_errno(e, ERR_REFUSED, errno, "the kernel does not let this process give up its system calls (seccomp)");
    c.system_calls = true;
    *out = c;
    return 0;
#else
    *out = c;
    return err_set(e, ERR_UNSUPPORTED, "this build cannot confine itself (%s)",
#if defined(SANITIZED)
                   "it has a sanitizer in it"
#else
                   "not on this kind of machine"
#endif
    );
#endif
}

/* --- the proof -------------------------------------------------------------------------------------------------------------------- */

/* What a try opened, or why it could not. */
static int ended(int fd, bool failed)
{
    int error_number = failed ? errno : 0;
    if (fd >= 0)
        (void)close(fd);
    return error_number;
}

static int try_tcp(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(443), .sin_addr.s_addr = htonl(0xc0000201)}; /* 192.0.2.1: nobody's */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return ended(fd, fd < 0 || (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS));
}

static int try_dns(void)
{
    static const unsigned char query[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0xc0000235)}; /* 192.0.2.53 */
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return ended(fd, fd < 0 || sendto(fd, query, sizeof query, 0, (struct sockaddr *)&to, sizeof to) < 0);
}

static int try_unix_socket(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/run/dbus/system_bus_socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return ended(fd, fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0);
}

static int try_file(void)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return ended(fd, fd < 0);
}

static int try_write(void)
{
    static const char path[] = "/tmp/hearth-fence-proof";
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)unlink(path);
    return ended(fd, fd < 0);
}

static int try_exec(void)
{
    char *const argv[] = {(char *)(uintptr_t)"/bin/true", NULL};
    (void)execve(argv[0], argv, NULL); /* returns only when it was refused */
    return errno;
}

static int try_signal(void)
{
    return ended(-1, syscall(SYS_tgkill, parent, parent, 0) < 0);
}

/* A descriptor whose input is told by a signal, to whomever: another way to end a process. */
static int try_owner(void)
{
    return ended(-1, fcntl(STDIN_FILENO, F_SETOWN, parent) < 0);
}

void confine_prove(struct confine_try out[CONFINE_TRIES])
{
    static const struct {
        const char *what;
        int (*fn)(void);
    } tries[CONFINE_TRIES] = {
        {"a TCP connection to 192.0.2.1:443", try_tcp}, {"a DNS query to 192.0.2.53", try_dns},
        {"a unix socket (/run/dbus/system_bus_socket)", try_unix_socket}, {"reading a file outside (/etc/passwd)", try_file},
        {"writing a file (/tmp/hearth-fence-proof)", try_write}, {"a signal to the process that started it", try_signal},
        {"a descriptor whose signals go there (F_SETOWN)", try_owner}, {"starting a program (/bin/true)", try_exec},
    };
    for (size_t i = 0; i < CONFINE_TRIES; i++) {
        int error_number = tries[i].fn();
        out[i] = (struct confine_try){tries[i].what, error_number == EPERM, error_number};
    }
}

static void tell_tries(struct json_writer *w)
{
    struct confine_try tries[CONFINE_TRIES];
    confine_prove(tries);
    for (size_t i = 0; i < CONFINE_TRIES; i++) {
        json_object_begin(w);
        json_key(w, "what"), json_text(w, tries[i].what);
        json_key(w, "refused"), json_bool(w, tries[i].refused);
        json_key(w, "error"), json_text(w, tries[i].error_number ? strerrordesc_np(tries[i].error_number) : "it went through");
        json_object_end(w);
    }
}

int confine_prove_json(const struct confinement *c, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "layers");
    json_object_begin(&w);
    json_key(&w, "system_calls"), json_bool(&w, c->system_calls);
    json_key(&w, "no_new_privileges"), json_bool(&w, c->no_new_privileges);
    json_key(&w, "network_namespace"), json_bool(&w, c->network_namespace);
    json_object_end(&w);
    json_key(&w, "tries");
    json_array_begin(&w);
    if (c->system_calls)
        tell_tries(&w);
    json_array_end(&w);
    json_object_end(&w);
    return json_done(&w);
}
