/* The programs behind Bitcoin Core's tracepoints: admit, reserve, copy, submit, count.
 *
 * One record is one bpf_ringbuf_reserve of its exact structure; messages choose a size class for their
 * payload, so that it is copied once, from the node's memory into the ring. Nothing is parsed but the message
 * type, which chooses the snaplen. Every hit of an admitted process ends in exactly one counter. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define BPF_USDT_MAX_SPEC_CNT 1024
#include <bpf/usdt.bpf.h>

#include "peers.bpf.h"
#include "record.h"

char _license[] SEC("license") = "Dual MIT/GPL";

enum { UNREADABLE = -1 };

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, PS_RING_BYTES);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} ring SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, PS_SLOTS);
    __type(key, __u32);
    __type(value, __u32);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} slot_by_tgid SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, PS_SLOTS);
    __type(key, __u32);
    __type(value, struct ps_slot);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} slots SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, PS_SLOTS);
    __type(value, __u32);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} free_slots SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, PS_SLOTS *PS_TRACEPOINTS);
    __type(key, __u32);
    __type(value, struct ps_counters);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} counters SEC(".maps");

struct { /* hits of processes for which no slot was free, by tracepoint */
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, PS_TRACEPOINTS);
    __type(key, __u32);
    __type(value, __u64);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} slotless SEC(".maps");

struct { /* how many of them the streamer has reported */
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, PS_TRACEPOINTS);
    __type(key, __u32);
    __type(value, __u64);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} slotless_told SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, PS_TRACEPOINTS);
    __type(key, __u32);
    __type(value, struct ps_policy);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} policy SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 256);
    __type(key, struct ps_snaplen_key);
    __type(value, __u32);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} snaplens SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct ps_meta);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} meta SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, PS_NODES);
    __type(key, __u32);
    __type(value, struct ps_node);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} nodes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, PS_JOURNAL);
    __type(key, __u32);
    __type(value, struct ps_journal);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} journal SEC(".maps");

struct hit {
    struct ps_counters *counters;
    __u64 mono_ns;
    __u32 slot;
    __u32 generation;
    __u32 tid;
    __u32 snaplen;
    __u32 least;
    __u8 tracepoint;
};

/* Atomic although counters are per CPU: a hit can be preempted by another thread's hit on the same one. Relaxed, since only then
 * clang takes the instruction without a result, the one that arm64 has before 5.18; submitting a record is a full
 * barrier, so that its count is never seen before it. */
static __always_inline void add_one(__u64 *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

/* A slot for a process that is seen for the first time. */
static __noinline int new_slot(__u32 tgid, __u64 now) {
    __u32 index;
    if (bpf_map_pop_elem(&free_slots, &index)) return -1;
    struct ps_slot *slot = bpf_map_lookup_elem(&slots, &index);
    if (!slot) return -1;
    slot->tgid = tgid;
    slot->first_hit_ns = now;
    slot->state = PS_SLOT_NEW;
    if (bpf_map_update_elem(&slot_by_tgid, &tgid, &index, BPF_NOEXIST) == 0) return index;
    /* Another thread of the process, or the attacher, was faster. */
    slot->state = PS_SLOT_FREE;
    bpf_map_push_elem(&free_slots, &index, 0);
    __u32 *known = bpf_map_lookup_elem(&slot_by_tgid, &tgid);
    return known ? (int)*known : -1;
}

/* Where the slots of processes were found the last time, one word each, so that it is read and written whole: the
 * generation, the slot, the thread-group id. A word is believed only if the slot still holds this process in this
 * generation, and lives; anything else leads to slot_by_tgid, which alone decides. */
#define HINTS 64
#define HINT_TGID_BITS 22 /* the kernel's largest process id */
_Static_assert(PS_SLOTS <= 1 << (32 - HINT_TGID_BITS), "a slot has no room in a hint");
static volatile __u64 slot_hints[HINTS];

static __always_inline __u64 hint(const struct ps_slot *slot, __u32 index) {
    return (__u64)slot->generation << 32 | (__u64)index << HINT_TGID_BITS | slot->tgid;
}

/* The slot of the process, or NULL when there is none for it. */
static __always_inline struct ps_slot *slot_of(__u32 tgid, __u64 now, __u32 *index) {
    __u64 hinted = slot_hints[tgid % HINTS];
    *index = (__u32)hinted >> HINT_TGID_BITS;
    struct ps_slot *slot = bpf_map_lookup_elem(&slots, index);
    if (slot && slot->tgid == tgid && hint(slot, *index) == hinted &&
        (slot->state == PS_SLOT_NEW || slot->state == PS_SLOT_MATCHED || slot->state == PS_SLOT_FOREIGN))
        return slot;

    __u32 *known = bpf_map_lookup_elem(&slot_by_tgid, &tgid);
    int found = known ? (int)*known : new_slot(tgid, now);
    if (found < 0 || found >= PS_SLOTS) return NULL;
    *index = found;
    slot = bpf_map_lookup_elem(&slots, index);
    if (slot && known && slot->tgid == tgid && tgid < 1 << HINT_TGID_BITS)
        slot_hints[tgid % HINTS] = hint(slot, *index);
    return slot;
}

/* Whether this hit is to become a record. Fills `hit`. */
static __always_inline bool admit(struct hit *hit, __u8 tracepoint) {
    __u32 key = tracepoint;
    struct ps_policy *rule = bpf_map_lookup_elem(&policy, &key);
    if (!rule || rule->mode == 0) return false;

    __u64 pid_tgid = bpf_get_current_pid_tgid();
    __u32 tgid = pid_tgid >> 32;
    hit->mono_ns = bpf_ktime_get_ns();
    hit->tid = (__u32)pid_tgid;
    hit->tracepoint = tracepoint;
    hit->snaplen = rule->snaplen;
    hit->least = rule->least;

    struct ps_slot *process = slot_of(tgid, hit->mono_ns, &hit->slot);
    if (!process) {
        __u64 *missed = bpf_map_lookup_elem(&slotless, &key);
        if (missed) add_one(missed);
        return false;
    }
    if (process->state == PS_SLOT_FOREIGN) return false;
    hit->generation = process->generation;

    key = hit->slot * PS_TRACEPOINTS + (tracepoint & (PS_TRACEPOINTS - 1));
    hit->counters = bpf_map_lookup_elem(&counters, &key);
    if (!hit->counters) return false;
    if (rule->mode == 1) {
        add_one(&hit->counters->counted);
        return false;
    }
    return true;
}

static __always_inline int lose_unreadable(struct hit *hit) {
    add_one(&hit->counters->lost_unreadable);
    return 0;
}

static __always_inline int lose_ring(struct hit *hit) {
    add_one(&hit->counters->lost_ring);
    return 0;
}

static __always_inline int discard(struct hit *hit, void *record) {
    bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
    return lose_unreadable(hit);
}

/* Whether the reader is woken by this record: the one with which PS_WAKE_BYTES wait, or one or two after it.
 *
 * To ask how much waits takes 14 ns. So only a record that reaches over one of the marks does, of which there is one
 * every MARK_BYTES of the ring. Where the marks are makes no difference: they are counted from an address that is at
 * hand, and must be a pointer, since of two of them the difference is a number to the verifier. */
#define MARK_BYTES (PS_WAKE_BYTES / 8)
_Static_assert(PS_RING_BYTES % MARK_BYTES == 0, "the marks would shift where the ring begins again");
static __always_inline bool wakes(const void *record, __u64 size) {
    __u64 begin = (const char *)record - (const char *)slot_hints;
    __u64 next = begin + ((size + 15) & ~7ull); /* a header of eight bytes, and all rounded up to eight */
    if (begin / MARK_BYTES == next / MARK_BYTES) return false;
    __u64 waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
    return waiting >= PS_WAKE_BYTES && waiting < PS_WAKE_BYTES + 2 * MARK_BYTES + size;
}

static __always_inline int submit(struct hit *hit, void *record, __u64 size) {
    bpf_ringbuf_submit(record, wakes(record, size) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
    add_one(&hit->counters->submitted);
    return 0;
}

typedef __u64 __attribute__((may_alias)) word;

static __always_inline void head(struct hit *hit, struct ps_record *record) {
    record->mono_ns = hit->mono_ns;
    record->slot = hit->slot;
    record->tid = hit->tid;
    /* Tracepoint, flags and lengths, then captured and reserved, as words: the compiler clears the fields byte by byte. */
    word *words = (word *)&record->tracepoint;
    words[0] = hit->tracepoint;
    words[1] = 0;
}

static __always_inline bool number(struct pt_regs *ctx, int argument, __s64 *value) {
    long raw = 0;
    if (bpf_usdt_arg(ctx, argument, &raw)) return false;
    *value = raw;
    return true;
}

/* A bool operand may be wider than the bool: only its lowest byte means something. */
static __always_inline bool boolean(struct pt_regs *ctx, int argument, __s64 *value) {
    long raw = 0;
    if (bpf_usdt_arg(ctx, argument, &raw)) return false;
    *value = (raw & 0xff) != 0;
    return true;
}

static __always_inline bool hash(struct pt_regs *ctx, int argument, __u8 *area) {
    long pointer = 0;
    if (bpf_usdt_arg(ctx, argument, &pointer)) return false;
    return bpf_probe_read_user(area, 32, (void *)pointer) == 0;
}

static __always_inline bool string(struct ps_record *record, int index, char *area, __u32 capacity, long pointer) {
    long length = bpf_probe_read_user_str(area, capacity, (void *)pointer);
    if (length <= 0) return false;
    record->string_length[index] = length - 1;
    if (length == capacity) record->flags |= PS_STRING_CUT;
    return true;
}

static __always_inline bool string_argument(struct pt_regs *ctx, int argument, struct ps_record *record, int index,
                                            char *area, __u32 capacity) {
    long pointer = 0;
    if (bpf_usdt_arg(ctx, argument, &pointer)) return false;
    return string(record, index, area, capacity, pointer);
}

#define RESERVE(type)                                                                                          \
    struct hit hit = {};                                                                                       \
    if (!admit(&hit, TRACEPOINT)) return 0;                                                                    \
    struct type *event = bpf_ringbuf_reserve(&ring, sizeof(struct type), 0);                                   \
    if (!event) return lose_ring(&hit);                                                                        \
    head(&hit, &event->record)

#define SUBMIT_IF(complete)                                                                                    \
    if (!(complete)) return discard(&hit, event);                                                              \
    return submit(&hit, event, sizeof(*event))

/* Messages */

enum { PEER, ADDR, CONN_TYPE, MSG_TYPE, SIZE, PAYLOAD, MESSAGE_ARGUMENTS };

#if defined(__TARGET_ARCH_x86)
/* The first `count` arguments at once. bpf_usdt_arg() looks the specification up and calls the kernel twice for each,
 * which for a message's six costs as much as all the rest of the way. */
static __always_inline bool arguments_of(struct pt_regs *ctx, const int count, long *values) {
    int id = __bpf_usdt_spec_id(ctx);
    if (id < 0) return false;
    struct __bpf_usdt_spec *spec = bpf_map_lookup_elem(&__bpf_usdt_specs, &id);
    if (!spec || spec->arg_cnt < count) return false;
    /* In the order of struct pt_regs, of which only fixed offsets can be loaded. */
    unsigned long registers[] = {ctx->r15, ctx->r14, ctx->r13, ctx->r12, ctx->rbp, ctx->rbx, ctx->r11, ctx->r10, ctx->r9, ctx->r8,
                                 ctx->rax, ctx->rcx, ctx->rdx, ctx->rsi, ctx->rdi, 0, ctx->rip, 0, 0, ctx->rsp};
#pragma unroll
    for (int index = 0; index < count; index++) {
        struct __bpf_usdt_arg_spec *argument = &spec->args[index];
        unsigned long value = argument->val_off;
        if (argument->arg_type == BPF_USDT_ARG_REG || argument->arg_type == BPF_USDT_ARG_REG_DEREF) {
            __u32 place = (__u16)argument->reg_off / sizeof(long);
            if (place >= sizeof(registers) / sizeof(*registers)) return false;
            value = registers[place];
            if (argument->arg_type == BPF_USDT_ARG_REG_DEREF &&
                bpf_probe_read_user(&value, sizeof(value), (void *)value + argument->val_off))
                return false;
        } else if (argument->arg_type != BPF_USDT_ARG_CONST) {
            /* A kind of operand that a newer libbpf knows. */
            if (bpf_usdt_arg(ctx, index, &values[index])) return false;
            continue;
        }
        __u32 shift = argument->arg_bitshift & 63;
        value <<= shift;
        values[index] = argument->arg_signed ? (long)value >> shift : (long)(value >> shift);
    }
    return true;
}
#else
static __always_inline bool arguments_of(struct pt_regs *ctx, const int count, long *values) {
#pragma unroll
    for (int index = 0; index < count; index++)
        if (bpf_usdt_arg(ctx, index, &values[index])) return false;
    return true;
}
#endif

/* How much is kept of a message of this type that has `size` bytes. */
static __always_inline __u64 kept(const struct hit *hit, const struct ps_snaplen_key *type, __u64 size) {
    if (size <= hit->least) return size;
    __u32 *snaplen = bpf_map_lookup_elem(&snaplens, type);
    __u32 most = snaplen ? *snaplen : hit->snaplen;
    return size < most ? size : most;
}

/* One record with room for `class` bytes of payload, of which `captured` are kept. */
static __always_inline int message_of_class(struct hit *hit, const long *arguments, __u32 inbound, bool is_whole,
                                            __u32 captured, const __u32 class) {
    struct ps_message *event = bpf_ringbuf_reserve(&ring, sizeof(*event) + class, 0);
    if (!event) return lose_ring(hit);
    struct ps_record *record = &event->record;
    head(hit, record);
    record->number[0] = arguments[PEER];
    record->number[1] = arguments[SIZE];
    if (!recall_peer(event, hit->generation, arguments[PEER], arguments[ADDR])) {
        if (!string(record, 0, event->addr, PS_ADDRESS, arguments[ADDR]) ||
            !string(record, 1, event->conn_type, PS_CONNECTION_TYPE, arguments[CONN_TYPE]))
            return discard(hit, event);
        remember_peer(event, hit->generation, arguments[PEER], arguments[ADDR]);
    }
    struct ps_snaplen_key type = {.inbound = inbound};
    __builtin_memset(event->msg_type, 0, PS_MESSAGE_TYPE);
    if (!string(record, 2, event->msg_type, PS_MESSAGE_TYPE, arguments[MSG_TYPE])) return discard(hit, event);
    if (is_whole && captured > hit->least) {
        /* The kernel takes keys from the ring only from 6.2 on. */
        __builtin_memcpy(type.type, event->msg_type, PS_MESSAGE_TYPE);
        captured = kept(hit, &type, captured);
    }
    asm volatile("" : "+r"(captured));
    if (captured > class) captured = class;
    if (captured > 0) {
        if (bpf_probe_read_user(event->payload, captured, (void *)arguments[PAYLOAD]) == 0)
            record->captured = captured;
        else
            record->flags |= PS_PAYLOAD_UNREADABLE;
    }
    return submit(hit, event, sizeof(*event) + class);
}

/* A message so large that its type decides how much room is reserved. */
static __noinline int large_message(struct hit *hit, const long *arguments, __u32 inbound) {
    struct ps_snaplen_key type = {.inbound = inbound};
    if (bpf_probe_read_user_str(type.type, sizeof(type.type), (void *)arguments[MSG_TYPE]) <= 0)
        return lose_unreadable(hit);
    __u64 wanted = kept(hit, &type, arguments[SIZE]);
    __u32 captured = wanted > (4 << 20) ? (4 << 20) : (__u32)wanted;

    if (captured <= 256) return message_of_class(hit, arguments, inbound, false, captured, 256);
    if (captured <= 4096) return message_of_class(hit, arguments, inbound, false, captured, 4096);
    if (captured <= 16 << 10) return message_of_class(hit, arguments, inbound, false, captured, 16 << 10);
    if (captured <= 64 << 10) return message_of_class(hit, arguments, inbound, false, captured, 64 << 10);
    if (captured <= 256 << 10) return message_of_class(hit, arguments, inbound, false, captured, 256 << 10);
    if (captured <= 1 << 20) return message_of_class(hit, arguments, inbound, false, captured, 1 << 20);
    return message_of_class(hit, arguments, inbound, false, captured, 4 << 20);
}

static __always_inline int message(struct pt_regs *ctx, __u8 tracepoint, __u32 inbound) {
    struct hit hit = {};
    if (!admit(&hit, tracepoint)) return 0;
    long arguments[MESSAGE_ARGUMENTS] = {};
    if (!arguments_of(ctx, MESSAGE_ARGUMENTS, arguments)) return lose_unreadable(&hit);

    __u64 size = arguments[SIZE];
    if (size > 4096 || size > hit.snaplen) return large_message(&hit, arguments, inbound);
    /* The others have room for all they could keep, and their type is read into the ring alone. */
    if (size <= 64) return message_of_class(&hit, arguments, inbound, true, size, 64);
    if (size <= 256) return message_of_class(&hit, arguments, inbound, true, size, 256);
    if (size <= 1024) return message_of_class(&hit, arguments, inbound, true, size, 1024);
    if (size <= 2048) return message_of_class(&hit, arguments, inbound, true, size, 2048);
    return message_of_class(&hit, arguments, inbound, true, size, 4096);
}

SEC("usdt")
int inbound_message(struct pt_regs *ctx) { return message(ctx, 1, 1); }

SEC("usdt")
int outbound_message(struct pt_regs *ctx) { return message(ctx, 2, 0); }

/* Connections */

static __always_inline int connection(struct pt_regs *ctx, __u8 TRACEPOINT) {
    RESERVE(ps_connection);
    struct ps_record *record = &event->record;
    SUBMIT_IF(number(ctx, 0, &record->number[0]) &&
              string_argument(ctx, 1, record, 0, event->addr, PS_ADDRESS) &&
              string_argument(ctx, 2, record, 1, event->conn_type, PS_CONNECTION_TYPE) &&
              number(ctx, 3, &record->number[1]) && number(ctx, 4, &record->number[2]));
}

SEC("usdt")
int inbound_connection(struct pt_regs *ctx) { return connection(ctx, 3); }

SEC("usdt")
int outbound_connection(struct pt_regs *ctx) { return connection(ctx, 4); }

SEC("usdt")
int evicted_inbound_connection(struct pt_regs *ctx) { return connection(ctx, 5); }

SEC("usdt")
int closed_connection(struct pt_regs *ctx) { return connection(ctx, 6); }

SEC("usdt")
int misbehaving_connection(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 7;
    RESERVE(ps_misbehaving);
    SUBMIT_IF(number(ctx, 0, &event->record.number[0]) &&
              string_argument(ctx, 1, &event->record, 0, event->reason, PS_REASON));
}

/* Validation and the coins cache */

SEC("usdt")
int block_connected(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 8;
    RESERVE(ps_block);
    __s64 *value = event->record.number;
    bool complete = hash(ctx, 0, event->hash) && number(ctx, 1, &value[0]) && number(ctx, 2, &value[1]) &&
                    number(ctx, 3, &value[2]) && number(ctx, 4, &value[3]) && number(ctx, 5, &value[4]);
    if (complete && (bpf_usdt_cookie(ctx) & PS_LAYOUT_DURATION_IN_MICROS)) value[4] *= 1000;
    SUBMIT_IF(complete);
}

SEC("usdt")
int utxocache_flush(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 9;
    RESERVE(ps_numbers);
    __s64 *value = event->record.number;
    SUBMIT_IF(number(ctx, 0, &value[0]) && number(ctx, 1, &value[1]) && number(ctx, 2, &value[2]) &&
              number(ctx, 3, &value[3]) && boolean(ctx, 4, &value[4]));
}

static __always_inline int coin(struct pt_regs *ctx, __u8 TRACEPOINT) {
    RESERVE(ps_hash);
    __s64 *value = event->record.number;
    SUBMIT_IF(hash(ctx, 0, event->hash) && number(ctx, 1, &value[0]) && number(ctx, 2, &value[1]) &&
              number(ctx, 3, &value[2]) && boolean(ctx, 4, &value[3]));
}

SEC("usdt")
int utxocache_add(struct pt_regs *ctx) { return coin(ctx, 10); }

SEC("usdt")
int utxocache_spent(struct pt_regs *ctx) { return coin(ctx, 11); }

SEC("usdt")
int utxocache_uncache(struct pt_regs *ctx) { return coin(ctx, 12); }

/* Coin selection */

SEC("usdt")
int selected_coins(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 13;
    RESERVE(ps_selected_coins);
    struct ps_record *record = &event->record;
    SUBMIT_IF(string_argument(ctx, 0, record, 0, event->wallet, PS_WALLET) &&
              string_argument(ctx, 1, record, 1, event->algorithm, PS_ALGORITHM) &&
              number(ctx, 2, &record->number[0]) && number(ctx, 3, &record->number[1]) &&
              number(ctx, 4, &record->number[2]));
}

SEC("usdt")
int normal_create_tx(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 14;
    RESERVE(ps_wallet);
    struct ps_record *record = &event->record;
    SUBMIT_IF(string_argument(ctx, 0, record, 0, event->wallet, PS_WALLET) &&
              boolean(ctx, 1, &record->number[0]) && number(ctx, 2, &record->number[1]) &&
              number(ctx, 3, &record->number[2]));
}

SEC("usdt")
int attempting_aps(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 15;
    RESERVE(ps_wallet);
    SUBMIT_IF(string_argument(ctx, 0, &event->record, 0, event->wallet, PS_WALLET));
}

SEC("usdt")
int aps_create_tx(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 16;
    RESERVE(ps_wallet);
    struct ps_record *record = &event->record;
    SUBMIT_IF(string_argument(ctx, 0, record, 0, event->wallet, PS_WALLET) &&
              boolean(ctx, 1, &record->number[0]) && boolean(ctx, 2, &record->number[1]) &&
              number(ctx, 3, &record->number[2]) && number(ctx, 4, &record->number[3]));
}

/* The mempool */

SEC("usdt")
int mempool_added(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 17;
    RESERVE(ps_hash);
    SUBMIT_IF(hash(ctx, 0, event->hash) && number(ctx, 1, &event->record.number[0]) &&
              number(ctx, 2, &event->record.number[1]));
}

SEC("usdt")
int mempool_removed(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 18;
    RESERVE(ps_hash_reason);
    struct ps_record *record = &event->record;
    SUBMIT_IF(hash(ctx, 0, event->hash) && string_argument(ctx, 1, record, 0, event->reason, PS_REASON) &&
              number(ctx, 2, &record->number[0]) && number(ctx, 3, &record->number[1]) &&
              number(ctx, 4, &record->number[2]));
}

SEC("usdt")
int mempool_replaced(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 19;
    RESERVE(ps_replaced);
    __s64 *value = event->record.number;
    bool complete = hash(ctx, 0, event->old_txid) && number(ctx, 1, &value[0]) && number(ctx, 2, &value[1]) &&
                    number(ctx, 3, &value[2]) && hash(ctx, 4, event->new_id) && number(ctx, 5, &value[3]) &&
                    number(ctx, 6, &value[4]);
    value[5] = 0;
    if (bpf_usdt_cookie(ctx) & PS_LAYOUT_OPTIONAL_ABSENT)
        event->record.flags |= PS_OPTIONAL_ABSENT;
    else
        complete = complete && boolean(ctx, 7, &value[5]);
    SUBMIT_IF(complete);
}

SEC("usdt")
int mempool_rejected(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 20;
    RESERVE(ps_hash_reason);
    SUBMIT_IF(hash(ctx, 0, event->hash) &&
              string_argument(ctx, 1, &event->record, 0, event->reason, PS_REASON));
}

/* The address manager of patched nodes */

SEC("usdt")
int addrman_attempt_add(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 21;
    RESERVE(ps_addrman);
    struct ps_record *record = &event->record;
    SUBMIT_IF(boolean(ctx, 0, &record->number[0]) && number(ctx, 1, &record->number[1]) &&
              number(ctx, 2, &record->number[2]) &&
              string_argument(ctx, 3, record, 0, event->addr, PS_ADDRESS) &&
              number(ctx, 4, &record->number[3]) &&
              string_argument(ctx, 5, record, 1, event->source, PS_ADDRESS) &&
              number(ctx, 6, &record->number[4]));
}

SEC("usdt")
int addrman_move_to_good(struct pt_regs *ctx) {
    const __u8 TRACEPOINT = 22;
    RESERVE(ps_addrman);
    struct ps_record *record = &event->record;
    SUBMIT_IF(number(ctx, 0, &record->number[0]) && number(ctx, 1, &record->number[1]) &&
              string_argument(ctx, 2, record, 0, event->addr, PS_ADDRESS) &&
              number(ctx, 3, &record->number[2]) &&
              string_argument(ctx, 4, record, 1, event->source, PS_ADDRESS) &&
              number(ctx, 5, &record->number[3]));
}
