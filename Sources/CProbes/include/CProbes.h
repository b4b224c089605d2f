/* The USDT probes of a Bitcoin Core node from v29 on, and the two of the address manager's patch.
 * Tracepoints are numbered as in Sources/Tracepoints, from 1. */
#pragma once
#include <stdint.h>

/* `provider:probe`, or NULL when there is no such tracepoint. */
const char *cprobes_name(unsigned tracepoint);
/* The C types of its arguments, separated by spaces: i64 i32 u64 u32 boolean text hash payload. NULL when
 * there is no such tracepoint. */
const char *cprobes_arguments(unsigned tracepoint);
/* Whether it has a semaphore. */
int cprobes_has_semaphore(unsigned tracepoint);
/* Fires one that exists. A word is an integer, or a pointer. The time is CLOCK_MONOTONIC immediately before
 * the probe. Returns 1 when the semaphore was raised, 0 when nobody was attached (the probe is then
 * skipped, as in Core), 2 when there is no semaphore and nobody can know. */
int cprobes_fire(unsigned tracepoint, const uint64_t *words, uint64_t *monotonic_ns);
