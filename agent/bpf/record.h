/* What the capture programs write and what the agent reads: one layout, imported by BPF and Swift alike.
 *
 * A record in the ring is a `struct ps_record`, then the hashes, the strings and the payload of its
 * tracepoint, each in Core's argument order and each area of fixed size but the payload. Only the first
 * `string_length` bytes of a string area and the first `captured` bytes of a payload are meaningful: the rest
 * is whatever the ring held before, and a reader must not look at it. */
#pragma once
#include <linux/types.h>

/* Bumped with every change below; an attacher refuses pinned maps of another layout. */
#define PS_LAYOUT_VERSION 3

#define PS_TRACEPOINTS 32 /* room in tables indexed by tracepoint; the catalogue ends far below */
#define PS_SLOTS 1024     /* processes under observation or being judged at one time */
#define PS_NODES 64
#define PS_JOURNAL 4096
#define PS_RING_BYTES 16777216
#define PS_WAKE_BYTES 524288 /* the reader is woken when this much waits; otherwise it polls */

#define PS_ADDRESS 264
#define PS_CONNECTION_TYPE 24
#define PS_MESSAGE_TYPE 16
#define PS_REASON 136
#define PS_WALLET 264
#define PS_ALGORITHM 32

enum ps_record_flags {
    PS_STRING_CUT = 1,         /* a string was longer than its area */
    PS_PAYLOAD_UNREADABLE = 2, /* the payload's memory could not be read; captured is 0 */
    PS_OPTIONAL_ABSENT = 4,    /* the node's layout lacks the optional last argument */
};

struct ps_record {
    __u64 mono_ns;
    __u32 slot;
    __u32 tid;
    __u8 tracepoint;
    __u8 flags;
    __u16 string_length[3]; /* without the NUL */
    __u32 captured;         /* payload bytes in this record */
    __u32 reserved;
    __s64 number[6]; /* integer and bool arguments in order, widened */
};

struct ps_message { /* numbers: peer_id, size */
    struct ps_record record;
    char addr[PS_ADDRESS];
    char conn_type[PS_CONNECTION_TYPE];
    char msg_type[PS_MESSAGE_TYPE];
    __u8 payload[];
};

struct ps_connection { /* numbers: peer_id, network, connections or connected_at */
    struct ps_record record;
    char addr[PS_ADDRESS];
    char conn_type[PS_CONNECTION_TYPE];
};

struct ps_misbehaving { /* numbers: peer_id */
    struct ps_record record;
    char reason[PS_REASON];
};

struct ps_block { /* numbers: height, transactions, inputs, sigops_cost, duration_ns */
    struct ps_record record;
    __u8 hash[32];
};

struct ps_numbers { /* utxocache:flush: duration_us, mode, coins, bytes, for_prune */
    struct ps_record record;
};

struct ps_hash { /* utxocache coins: vout, height, value, coinbase; mempool:added: vsize, fee */
    struct ps_record record;
    __u8 hash[32];
};

struct ps_wallet { /* coin_selection: all but selected_coins */
    struct ps_record record;
    char wallet[PS_WALLET];
};

struct ps_selected_coins { /* numbers: target, waste, selected */
    struct ps_record record;
    char wallet[PS_WALLET];
    char algorithm[PS_ALGORITHM];
};

struct ps_hash_reason { /* mempool:removed: vsize, fee, entry_time; mempool:rejected: none */
    struct ps_record record;
    __u8 hash[32];
    char reason[PS_REASON];
};

struct ps_replaced { /* numbers: old vsize, fee, entry_time, new vsize, fee, new_is_txid */
    struct ps_record record;
    __u8 old_txid[32];
    __u8 new_id[32];
};

struct ps_addrman { /* numbers: inserted (attempt_add only), bucket, position, addr_as, source_as */
    struct ps_record record;
    char addr[PS_ADDRESS];
    char source[PS_ADDRESS];
};

/* Why an event is where it is. Exactly one is counted for every hit, and only after its fate is decided, so
 * that a counter that has been read is already true of the ring. */
struct ps_counters {
    __u64 submitted;       /* in the ring */
    __u64 counted;         /* policy `count` */
    __u64 lost_ring;       /* the ring was full */
    __u64 lost_unreadable; /* an argument or its memory could not be read */
};

/* A process that hit a probe, or that the attacher saw before it did. */
enum ps_slot_state {
    PS_SLOT_FREE = 0,
    PS_SLOT_NEW = 1,     /* awaits the attacher's verdict */
    PS_SLOT_MATCHED = 2, /* is `node` */
    PS_SLOT_FOREIGN = 3, /* runs the binary and is none of our nodes */
    PS_SLOT_GONE = 4,    /* ended before its verdict */
    PS_SLOT_EXITED = 5,  /* was MATCHED; has ended at `exited_ns` */
    PS_SLOT_DRAINED = 6, /* the streamer has written its last counters; may be reused */
};

struct ps_slot {
    __u32 tgid;
    __u32 state;
    __u32 node;
    __u32 generation; /* grows with every reuse */
    __u64 first_hit_ns;
    __u64 start_ticks; /* field 22 of /proc/PID/stat */
    __u64 exited_ns;
    __u64 matched_ns;
    __u64 foreign_ns; /* not 0: it was FOREIGN until it was MATCHED */
    __u64 dev;
    __u64 inode;
    char exe[192];
};

struct ps_policy {
    __u32 mode; /* 0 off, 1 count, 2 full */
    __u32 snaplen;
    __u32 least; /* no message type of this direction is cut to less: so much needs no look-up of its type */
    __u32 reserved;
};

struct ps_snaplen_key {
    __u32 inbound;
    char type[PS_MESSAGE_TYPE];
};

struct ps_meta {
    __u64 layout_version;
    __u64 epoch;        /* random, made with the ring */
    __u64 heartbeat_ns; /* the attacher is alive */
    __u64 attacher_pid;
    __u64 attacher_start; /* its start_ticks: the pid may be another's by now */
    __u64 journal_head; /* entries ever written */
    __u64 ready_ns;     /* first instant at which everything configured was attached and classified */
    __u64 nodes;
};

struct ps_node {
    char name[72];
};

enum ps_journal_kind {
    PS_JOURNAL_ATTACHED = 1,
    PS_JOURNAL_MISSING = 2,
    PS_JOURNAL_FAILED = 3,
    PS_JOURNAL_DETACHED = 4,
    PS_JOURNAL_BLIND = 5, /* no program was attached from from_ns to at_ns */
};

struct ps_journal {
    __u64 at_ns;
    __u64 from_ns;
    __u64 dev;
    __u64 inode;
    __u32 kind;
    __u32 sites;
    __u8 tracepoint;
    __u8 arguments;
    __u8 semaphore;
    __u8 layout; /* PS_LAYOUT_… */
    __u32 nodes_low; /* bit set of the nodes that run this binary */
    __u32 nodes_high;
    __u32 reserved;
    char path[192];
    char detail[128];
};

/* Layout differences between releases, found in the binary's notes and handed to the program as cookie. */
enum ps_layout {
    PS_LAYOUT_OPTIONAL_ABSENT = 1,    /* mempool:replaced with seven arguments */
    PS_LAYOUT_DURATION_IN_MICROS = 2, /* validation:block_connected before v25 */
};

/* For the test that compares these structures with the catalogue: offset of the n-th hash, string or payload
 * area of a tracepoint's record (kind 0, 1, 2), or 0 when there is none. */
unsigned ps_area_offset(unsigned tracepoint, unsigned kind, unsigned index);
/* Size of the record without its payload. */
unsigned ps_record_size(unsigned tracepoint);
