/* Bitcoin Core before v29: no semaphores, mempool:replaced has seven arguments, and the duration of
 * validation:block_connected is a std::chrono value, which sys/sdt.h describes as unsigned. The connection
 * tracepoints are newer; nodes of that time have them when patched. */
#include "../CProbes/site.h"

#include "../CProbes/addrman.h"
#include "../CProbes/core.h"
SITE6(validation, block_connected, hash, i32, u64, i32, i64, u64)
SITE7(mempool, replaced, hash, i32, i64, u64, hash, i32, i64)

#include "../CProbes/table.h"
#include "CProbesV27.h"

const char *cprobes_v27_name(unsigned tracepoint) {
    const struct site *site = site_of(tracepoint);
    return site ? site->name : 0;
}
const char *cprobes_v27_arguments(unsigned tracepoint) {
    const struct site *site = site_of(tracepoint);
    return site ? site->arguments : 0;
}
int cprobes_v27_has_semaphore(unsigned tracepoint) {
    const struct site *site = site_of(tracepoint);
    return site ? site->has_semaphore : 0;
}
int cprobes_v27_fire(unsigned tracepoint, const uint64_t *words, uint64_t *monotonic_ns) {
    return site_of(tracepoint)->fire(words, monotonic_ns);
}
