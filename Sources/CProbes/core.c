/* Bitcoin Core from v29 on: every tracepoint has a semaphore, mempool:replaced has eight arguments.
 *
 * Arguments are held in registers here (`4@%esi`, `1@%dl`), and where the compiler likes in the other
 * translation units, which with clang is the stack (`1@7(%rsp)`): a GCC build of Core has both. */
#define _SDT_HAS_SEMAPHORES 1
#define STAP_SDT_ARG_CONSTRAINT nr
#include "site.h"

#include "core.h"
SITE6(validation, block_connected, hash, i32, u64, i32, i64, i64)
SITE8(mempool, replaced, hash, i32, i64, u64, hash, i32, i64, boolean)

#include "CProbes.h"
extern const struct site addrman_attempt_add_site, addrman_move_to_good_site;
#include "table.h"

const char *cprobes_name(unsigned tracepoint) {
    const struct site *site = site_of(tracepoint);
    return site ? site->name : 0;
}
const char *cprobes_arguments(unsigned tracepoint) {
    const struct site *site = site_of(tracepoint);
    return site ? site->arguments : 0;
}
int cprobes_has_semaphore(unsigned tracepoint) {
    const struct site *site = site_of(tracepoint);
    return site ? site->has_semaphore : 0;
}
int cprobes_fire(unsigned tracepoint, const uint64_t *words, uint64_t *monotonic_ns) {
    return site_of(tracepoint)->fire(words, monotonic_ns);
}
