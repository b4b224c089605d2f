/* One USDT probe site: a function that is never inlined, so that each probe has exactly one place in the
 * binary, as in Bitcoin Core. Its arguments come as 64-bit words and are cast to Core's C types, which is
 * what gives the operands in the ELF note Core's sizes and signs.
 *
 * The including file defines _SDT_HAS_SEMAPHORES or not before it includes this one: sys/sdt.h decides by
 * translation unit. With semaphores a probe is guarded by its own, as TRACEPOINT() in Core's src/util/trace.h
 * (v29) does; without, it always runs, as TRACEn() did before.
 *
 * SITEn(provider, probe, type, …) also defines the probe's description, so the list of argument types is
 * written once. */
#pragma once
#define SDT_USE_VARIADIC 1
#include <sys/sdt.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* The types of Core's arguments. */
typedef int64_t i64;
typedef int32_t i32;
typedef uint64_t u64;
typedef uint32_t u32;
typedef bool boolean;
typedef const char *text;             /* NUL-terminated */
typedef const unsigned char *hash;    /* 32 bytes */
typedef const unsigned char *payload; /* as many bytes as the argument before says */

enum outcome { UNOBSERVED = 0, OBSERVED = 1, UNKNOWN = 2 };

struct site {
    const char *name;
    const char *arguments;
    int has_semaphore;
    int (*fire)(const uint64_t *words, uint64_t *monotonic_ns);
};

static inline uint64_t monotonic_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#ifdef _SDT_HAS_SEMAPHORES
#define SEMAPHORE(provider, probe) \
    unsigned short provider##_##probe##_semaphore __attribute__((section(".probes")));
/* The kernel raises a semaphore behind the compiler's back. */
#define RAISED(provider, probe) (*(volatile unsigned short *)&provider##_##probe##_semaphore > 0)
#define HAS_SEMAPHORE 1
#define OUTCOME(provider, probe) RAISED(provider, probe) ? OBSERVED : UNOBSERVED
#else
#define SEMAPHORE(provider, probe)
#define HAS_SEMAPHORE 0
#define OUTCOME(provider, probe) UNKNOWN
#endif

/* A table elsewhere needs a site that can be seen: such a file defines this as nothing. */
#ifndef SITE_LINKAGE
#define SITE_LINKAGE static
#endif

/* The clock is read right before the probe, in the same function. The arguments are copied into locals of
 * their type first, so that nothing but the probe itself follows the reading. */
#define SITE(provider, probe, types, arguments, ...)                                         \
    SEMAPHORE(provider, probe)                                                               \
    static __attribute__((noinline)) int provider##_##probe##_fire(const uint64_t *words,    \
                                                                   uint64_t *monotonic_ns) { \
        arguments int outcome = OUTCOME(provider, probe);                                    \
        *monotonic_ns = monotonic_now();                                                     \
        if (outcome != UNOBSERVED) STAP_PROBEV(provider, probe, __VA_ARGS__);                \
        return outcome;                                                                      \
    }                                                                                        \
    SITE_LINKAGE const struct site provider##_##probe##_site = {                             \
        #provider ":" #probe, types, HAS_SEMAPHORE, provider##_##probe##_fire};

#define ARG(n, type) type a##n = (type)words[n];
#define SITE1(v, p, t0) SITE(v, p, #t0, ARG(0, t0), a0)
#define SITE2(v, p, t0, t1) SITE(v, p, #t0 " " #t1, ARG(0, t0) ARG(1, t1), a0, a1)
#define SITE3(v, p, t0, t1, t2) \
    SITE(v, p, #t0 " " #t1 " " #t2, ARG(0, t0) ARG(1, t1) ARG(2, t2), a0, a1, a2)
#define SITE4(v, p, t0, t1, t2, t3) \
    SITE(v, p, #t0 " " #t1 " " #t2 " " #t3, ARG(0, t0) ARG(1, t1) ARG(2, t2) ARG(3, t3), a0, a1, a2, a3)
#define SITE5(v, p, t0, t1, t2, t3, t4)                                                              \
    SITE(v, p, #t0 " " #t1 " " #t2 " " #t3 " " #t4,                                                  \
         ARG(0, t0) ARG(1, t1) ARG(2, t2) ARG(3, t3) ARG(4, t4), a0, a1, a2, a3, a4)
#define SITE6(v, p, t0, t1, t2, t3, t4, t5)                                                          \
    SITE(v, p, #t0 " " #t1 " " #t2 " " #t3 " " #t4 " " #t5,                                          \
         ARG(0, t0) ARG(1, t1) ARG(2, t2) ARG(3, t3) ARG(4, t4) ARG(5, t5), a0, a1, a2, a3, a4, a5)
#define SITE7(v, p, t0, t1, t2, t3, t4, t5, t6)                                                      \
    SITE(v, p, #t0 " " #t1 " " #t2 " " #t3 " " #t4 " " #t5 " " #t6,                                  \
         ARG(0, t0) ARG(1, t1) ARG(2, t2) ARG(3, t3) ARG(4, t4) ARG(5, t5) ARG(6, t6), a0, a1, a2, a3, \
         a4, a5, a6)
#define SITE8(v, p, t0, t1, t2, t3, t4, t5, t6, t7)                                                  \
    SITE(v, p, #t0 " " #t1 " " #t2 " " #t3 " " #t4 " " #t5 " " #t6 " " #t7,                          \
         ARG(0, t0) ARG(1, t1) ARG(2, t2) ARG(3, t3) ARG(4, t4) ARG(5, t5) ARG(6, t6) ARG(7, t7), a0, \
         a1, a2, a3, a4, a5, a6, a7)
