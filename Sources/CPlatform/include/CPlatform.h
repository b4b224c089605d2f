/* What Swift cannot express: the CRC32C instruction, acquire loads and release stores on shared memory,
 * capabilities, system call filters, adjtimex. Nothing here allocates or keeps state. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli) of `length` bytes, continued from `crc` (0 to begin). Uses SSE 4.2 or ARMv8 CRC
 * where the processor has it, a table otherwise. */
uint32_t ps_crc32c(uint32_t crc, const void *bytes, size_t length);

/* Loads with acquire and stores with release order, for the ring's shared pages. Here, so that they are no calls. */
static inline uint64_t ps_load_acquire_u64(const uint64_t *address) {
    return __atomic_load_n(address, __ATOMIC_ACQUIRE);
}
static inline uint32_t ps_load_acquire_u32(const uint32_t *address) {
    return __atomic_load_n(address, __ATOMIC_ACQUIRE);
}
static inline void ps_store_release_u64(uint64_t *address, uint64_t value) {
    __atomic_store_n(address, value, __ATOMIC_RELEASE);
}

/* Nanoseconds of CLOCK_MONOTONIC and CLOCK_REALTIME. */
uint64_t ps_monotonic_ns(void);
int64_t ps_realtime_ns(void);

/* A pair of both clocks read together: the narrowest of several brackets. `error_ns` is half its width. */
struct ps_clock_pair {
    uint64_t monotonic_ns;
    int64_t realtime_ns;
    uint64_t error_ns;
};
struct ps_clock_pair ps_clock_pair_now(void);

/* The kernel's own estimate of its clock: maxerror in ns (UINT64_MAX when unknown) and whether it is
 * synchronised (STA_UNSYNC clear and maxerror not 0: systemd-timesyncd writes 0, which means nothing). */
struct ps_clock_quality {
    uint64_t maxerror_ns;
    uint8_t synchronised;
};
struct ps_clock_quality ps_clock_quality_now(void);

/* What stat(2) tells of a file, links followed. 0, or -errno. It is here because Swift takes struct stat from whichever
 * module has read its header first, which need not be one that the file imports. */
struct ps_file {
    uint64_t device, inode, size;
    int64_t changed_s, changed_ns; /* its content, CLOCK_REALTIME */
    uint32_t owner, group;
    uint32_t mode; /* type and permissions */
};
int ps_file_about(const char *path, struct ps_file *about);

/* Gives up for good every capability of the calling thread that is not a bit of `keep`, in all five sets as far as
 * it may, and sets no_new_privs. The inheritable and ambient sets end empty. 0, or -errno. */
int ps_keep_only_capabilities(uint64_t keep);
/* Takes capabilities that are no bit of `keep` from the bounding set, which CAP_SETPCAP may; nobody else's changes.
 * 0, or -errno. */
int ps_drop_bounding_capabilities(uint64_t keep);
/* Gives up supplementary groups, which who is not privileged may not and keeps. 0, or -errno. */
int ps_drop_groups(void);
/* From here on all threads of this process can read files, use eBPF and write to what is open; sockets, processes,
 * other processes' memory and everything else fail with EPERM. 0, or -errno. */
int ps_allow_only_attaching(void);
/* setgroups, setgid, setuid to one user. 0, or -errno. */
int ps_become_user(uint32_t uid, uint32_t gid);
/* The effective capability set as bits, or 0 with *error = errno. */
uint64_t ps_effective_capabilities(int *error);

/* An epoll descriptor that reports wake-ups of `descriptor` edge-triggered, or -errno. */
int ps_watch_edges(int descriptor);
/* Waits for a wake-up. 1, 0 after `milliseconds`, or -errno. */
int ps_await_edge(int watch, int milliseconds);
/* A descriptor that becomes readable when the process ends, or -errno. */
int ps_pidfd_open(int pid);
/* 1 when `path` lies on a BPF file system, 0 when not, -errno when it cannot be told. */
int ps_is_bpffs(const char *path);
/* Mounts a BPF file system at `path`. 0, or -errno. */
int ps_mount_bpffs(const char *path);
/* Gives a thread (a pthread_t) a name of at most fifteen bytes. */
void ps_name_thread(unsigned long thread, const char *name);
/* Starts a program with nothing of ours but what is named: no other descriptor, no blocked or ignored signal,
 * no privilege to gain by exec. `directory` NULL stays here; `output` becomes its standard output and error and
 * /dev/null its input, or -1 leaves it our three; with `become` it runs as that user without other groups.
 * Gives the process id, or -errno with *step naming the call that failed. */
int64_t ps_spawn(const char *const *argv, const char *const *envp, const char *directory, int output, int become,
                 uint32_t uid, uint32_t gid, const char **step);
