#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

int ps_watch_edges(int descriptor) {
    int watch = epoll_create1(EPOLL_CLOEXEC);
    if (watch < 0) return -errno;
    struct epoll_event interest = {.events = EPOLLIN | EPOLLET};
    if (epoll_ctl(watch, EPOLL_CTL_ADD, descriptor, &interest) != 0) {
        int error = errno;
        close(watch);
        return -error;
    }
    return watch;
}

int ps_await_edge(int watch, int milliseconds) {
    struct epoll_event event;
    int count = epoll_wait(watch, &event, 1, milliseconds);
    return count < 0 ? -errno : count;
}

int ps_pidfd_open(int pid) {
    int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    return descriptor < 0 ? -errno : descriptor;
}

int ps_is_bpffs(const char *path) {
    struct statfs about;
    if (statfs(path, &about) != 0) return -errno;
    return about.f_type == 0xcafe4a11;
}

int ps_mount_bpffs(const char *path) { return mount("bpf", path, "bpf", 0, NULL) != 0 ? -errno : 0; }
