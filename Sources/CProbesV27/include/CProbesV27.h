/* The USDT probes of a Bitcoin Core node before v29. See CProbes.h, which has the same four functions. */
#pragma once
#include <stdint.h>

const char *cprobes_v27_name(unsigned tracepoint);
const char *cprobes_v27_arguments(unsigned tracepoint);
int cprobes_v27_has_semaphore(unsigned tracepoint);
int cprobes_v27_fire(unsigned tracepoint, const uint64_t *words, uint64_t *monotonic_ns);
