/* Giving privileges up for good: capabilities, and system calls. */
#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int ps_drop_groups(void) { return setgroups(0, NULL) != 0 && errno != EPERM ? -errno : 0; }

int ps_drop_bounding_capabilities(uint64_t keep) {
    for (int capability = 0; capability < 64; capability++) {
        if (keep >> capability & 1) continue;
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
        if (errno == EINVAL) break; /* The kernel knows no more. */
        /* Who lacks CAP_SETPCAP keeps the set, which matters only to programs that are executed, and those gain nothing
         * with no_new_privs. */
        if (errno != EPERM) return -errno;
    }
    return 0;
}

int ps_keep_only_capabilities(uint64_t keep) {
    /* First, while CAP_SETPCAP is there. */
    int bounded = ps_drop_bounding_capabilities(keep);
    if (bounded != 0) return bounded;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    memset(sets, 0, sizeof sets);
    if (syscall(SYS_capget, &header, sets) != 0) return -errno;
    for (int half = 0; half < 2; half++) {
        sets[half].permitted &= (uint32_t)(keep >> 32 * half);
        sets[half].effective = sets[half].permitted;
        sets[half].inheritable = 0;
    }
    return syscall(SYS_capset, &header, sets) != 0 ? -errno : 0;
}

/* What the attacher does once it has begun: it reads files, calls bpf and perf_event_open, sleeps, and writes lines to
 * its standard error. That is a short list, so it is a list of what is allowed; a list of what is forbidden would have
 * to be complete, and would not know of what a kernel learns later (io_uring opens sockets without socket). What is not
 * here fails with EPERM, so that a library's attempt shows in a log and does not end the capture. */
static const int allowed[] = {
    /* files that are there, for reading; openat and ioctl are below */
    SYS_close, SYS_read, SYS_readv, SYS_pread64, SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs,
    SYS_fstatfs, SYS_faccessat, SYS_readlinkat, SYS_getdents64, SYS_getcwd, SYS_fcntl,
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
#ifdef __x86_64__
    SYS_stat, SYS_lstat, SYS_access, SYS_readlink,
#endif
    /* what is open */
    SYS_write, SYS_writev,
    /* memory */
    SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk,
    /* eBPF, uprobes, the ends of processes */
    SYS_bpf, SYS_perf_event_open, SYS_pidfd_open, SYS_ppoll,
#ifdef __x86_64__
    SYS_poll,
#endif
    /* time */
    SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_nanosleep, SYS_clock_nanosleep, SYS_restart_syscall,
#ifdef __x86_64__
    SYS_time,
#endif
    /* this process */
    SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_capget, SYS_uname,
    SYS_sysinfo, SYS_getrandom, SYS_getrusage, SYS_sched_getaffinity, SYS_sched_yield, SYS_futex, SYS_membarrier,
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_exit, SYS_exit_group,
};

/* The newest system call that the list above has looked at (file_setattr). The C library tries newer ones first and
 * falls back only when it is told ENOSYS. */
enum { newest = 469 };

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define X32 0x40000000u
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the filter knows x86-64 and aarch64"
#endif

enum { count = sizeof allowed / sizeof allowed[0] };

/* Steps of a filter: `load` a field of the call, then `compare` and go on, or skip some steps. */
#define load(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define unless(how, value, skip) BPF_JUMP(BPF_JMP | (how) | BPF_K, (value), 0, (skip))
#define answer(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define DENY (SECCOMP_RET_ERRNO | EPERM)
#define UNKNOWN (SECCOMP_RET_ERRNO | ENOSYS)
/* Both processors are little-endian: an int argument is the lower half. */
#define argument(index) args[index]

int ps_allow_only_attaching(void) {
    struct sock_filter filter[2 * count + 40];
    unsigned short used = 0;
#define add(step) filter[used++] = (struct sock_filter)step
    /* Numbers mean other calls on another architecture. */
    add(load(arch));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    add(answer(DENY));
    add(load(nr));
#ifdef X32
    add(unless(BPF_JGE, X32, 1));
    add(answer(DENY));
#endif
    add(unless(BPF_JGT, newest, 1));
    add(answer(UNKNOWN));
    for (int index = 0; index < count; index++) {
        add(unless(BPF_JEQ, (uint32_t)allowed[index], 1));
        add(answer(SECCOMP_RET_ALLOW));
    }
    /* Nothing is opened to be written: not the memory of a node in /proc, and no file. */
    const uint32_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
    add(unless(BPF_JEQ, SYS_openat, 4));
    add(load(argument(2)));
    add(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, writing, 1, 0));
    add(answer(SECCOMP_RET_ALLOW));
    add(answer(DENY));
#ifdef SYS_open
    add(unless(BPF_JEQ, SYS_open, 4));
    add(load(argument(1)));
    add(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, writing, 1, 0));
    add(answer(SECCOMP_RET_ALLOW));
    add(answer(DENY));
#endif
    /* Perf events only: a terminal's calls could type into it. */
    add(unless(BPF_JEQ, SYS_ioctl, 5));
    add(load(argument(1)));
    add(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00));
    add(unless(BPF_JEQ, '$' << 8, 1));
    add(answer(SECCOMP_RET_ALLOW));
    add(answer(DENY));
    /* abort(3) ends this process, and limits are this process's. */
    add(unless(BPF_JEQ, SYS_tgkill, 3));
    add(load(argument(0)));
    add(unless(BPF_JEQ, (uint32_t)getpid(), 1));
    add(answer(SECCOMP_RET_ALLOW));
    add(load(nr));
    add(unless(BPF_JEQ, SYS_prlimit64, 3));
    add(load(argument(0)));
    add(unless(BPF_JEQ, 0, 1));
    add(answer(SECCOMP_RET_ALLOW));
    add(answer(DENY));
#undef add
    struct sock_fprog program = {.len = used, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    if (result < 0) return -errno;
    /* A thread that has a filter of its own could not be given this one. */
    return result > 0 ? -EBUSY : 0;
}
