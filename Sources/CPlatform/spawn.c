/* A child process that takes nothing along. posix_spawn cannot change the user, and Swift cannot fork. */
#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const steps[] = {"dup2", "close", "chdir", "setgroups", "setgid", "setuid", "prctl", "exec"};

struct failure {
    int step;
    int error;
};

static void close_from(int first, int except) {
    if (first < except) {
        if (syscall(SYS_close_range, first, except - 1, 0) != 0)
            for (int fd = first; fd < except; fd++) close(fd);
    }
    if (syscall(SYS_close_range, except + 1, ~0U, 0) != 0) {
        long limit = sysconf(_SC_OPEN_MAX);
        for (int fd = except + 1; fd < (limit > 0 ? limit : 1024); fd++) close(fd);
    }
}

/* Between fork and exec only async-signal-safe calls are allowed; what fails is told through `report`. */
static struct failure become_program(const char *const *argv, const char *const *envp, const char *directory,
                                     int output, int become, uint32_t uid, uint32_t gid, int report) {
    if (output >= 0) {
        int null = open("/dev/null", O_RDONLY);
        if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
            return (struct failure){0, errno};
    }
    close_from(3, report);
    if (directory && chdir(directory) != 0) return (struct failure){2, errno};
    if (become) {
        if (setgroups(0, NULL) != 0) return (struct failure){3, errno};
        if (setresgid(gid, gid, gid) != 0) return (struct failure){4, errno};
        if (setresuid(uid, uid, uid) != 0) return (struct failure){5, errno};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return (struct failure){6, errno};
    }
    struct sigaction initial = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &initial, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvpe(argv[0], (char *const *)argv, (char *const *)envp);
    return (struct failure){7, errno};
}

int64_t ps_spawn(const char *const *argv, const char *const *envp, const char *directory, int output, int become,
                 uint32_t uid, uint32_t gid, const char **step) {
    int ends[2];
    *step = "pipe";
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    /* The report must not be one of the three descriptors that the child overwrites. */
    int report = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
    int failed = errno;
    close(ends[1]);
    if (report < 0) {
        close(ends[0]);
        return -failed;
    }
    /* No handler of ours may run in the child before it has reset them. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        struct failure failure = become_program(argv, envp, directory, output, become, uid, gid, report);
        ssize_t ignored = write(report, &failure, sizeof failure);
        (void)ignored;
        _exit(127);
    }
    failed = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report);
    if (pid < 0) {
        close(ends[0]);
        *step = "fork";
        return -failed;
    }
    struct failure failure;
    ssize_t got;
    do got = read(ends[0], &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
    close(ends[0]);
    if (got != (ssize_t)sizeof failure) return pid; /* The pipe was closed by exec. */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    *step = steps[failure.step];
    return -failure.error;
}
