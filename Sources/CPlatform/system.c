#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t ps_monotonic_ns(void) { return (uint64_t)read_clock(CLOCK_MONOTONIC); }
int64_t ps_realtime_ns(void) { return read_clock(CLOCK_REALTIME); }

struct ps_clock_pair ps_clock_pair_now(void) {
    struct ps_clock_pair best = {0, 0, UINT64_MAX};
    for (int attempt = 0; attempt < 5; attempt++) {
        uint64_t before = ps_monotonic_ns();
        int64_t real = ps_realtime_ns();
        uint64_t after = ps_monotonic_ns();
        uint64_t error = (after - before + 1) / 2;
        if (error < best.error_ns) {
            best.monotonic_ns = before + (after - before) / 2;
            best.realtime_ns = real;
            best.error_ns = error;
        }
    }
    return best;
}

struct ps_clock_quality ps_clock_quality_now(void) {
    struct timex state;
    memset(&state, 0, sizeof state);
    struct ps_clock_quality quality = {UINT64_MAX, 0};
    int status = adjtimex(&state);
    if (status == -1) return quality;
    int synchronised = status != TIME_ERROR && !(state.status & STA_UNSYNC) && state.maxerror > 0;
    if (state.maxerror > 0) quality.maxerror_ns = (uint64_t)state.maxerror * 1000;
    quality.synchronised = synchronised ? 1 : 0;
    return quality;
}

int ps_become_user(uint32_t uid, uint32_t gid) {
    if (setgroups(0, NULL) != 0) return -errno;
    if (setresgid(gid, gid, gid) != 0) return -errno;
    if (setresuid(uid, uid, uid) != 0) return -errno;
    return 0;
}

uint64_t ps_effective_capabilities(int *error) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    memset(sets, 0, sizeof sets);
    *error = 0;
    if (syscall(SYS_capget, &header, sets) != 0) {
        *error = errno;
        return 0;
    }
    return (uint64_t)sets[1].effective << 32 | sets[0].effective;
}

void ps_name_thread(unsigned long thread, const char *name) {
    char cut[16] = {0};
    strncpy(cut, name, sizeof cut - 1);
    pthread_setname_np((pthread_t)thread, cut);
}

int ps_file_about(const char *path, struct ps_file *about) {
    struct stat found;
    if (stat(path, &found) != 0) return -errno;
    *about = (struct ps_file){
        .device = found.st_dev,
        .inode = found.st_ino,
        .size = (uint64_t)found.st_size,
        .changed_s = found.st_mtim.tv_sec,
        .changed_ns = found.st_mtim.tv_nsec,
        .owner = found.st_uid,
        .group = found.st_gid,
        .mode = found.st_mode,
    };
    return 0;
}
