/* What peers are called: address and connection type of those whose messages pass, kept in the kernel.
 *
 * A read of the node's memory costs the node some 60 ns however short it is, and these two strings are the same in
 * every message of a peer. The first message's are read and remembered, later ones are given a copy. Records stay
 * self-contained: nobody but these programs knows of the table, which is theirs alone, ends with them, and is
 * therefore not pinned.
 *
 * Whose strings. An entry is of one process (slot and its generation, which grows before a slot is given to another),
 * of one peer id (which Core never gives out twice in a process), and of the place of the address in the node's
 * memory. In Core the address is CNode::m_addr_name and the type comes from CNode::m_conn_type, both const: an id can
 * have neither another address nor another type, and the address lies where it lay while the peer is there. The place
 * is compared nevertheless, so that a process which is no such node is read again whenever it shows another place,
 * and the type, whose string is a temporary, with it. Of a process that changed what lies at a place, with the same
 * peer id, the old would be told; so it would of one that executes itself anew under its process id and gets both
 * again. A node does neither.
 *
 * Whole strings. Entries lie at a place given by their key, and whoever comes last has it. Messages of one peer are sent
 * and received by different threads, on two processors at once; and a program may be preempted anywhere, so that
 * even one processor's own table would be read and written in turns by programs that are not finished (kernels
 * before 6.x ran them without preemption, but nothing promises it). The kernel's own hash tables do not help: their
 * look-ups give a pointer to what may be replaced while it is copied. Hence a version in each entry, odd while it is
 * written. A writer gets hold of an entry by compare-and-exchange, and one that finds it held leaves it alone. A
 * reader takes a copy for good only if the version is even, and after copying is still the one it was before:
 *
 *   - x86 makes stores visible in their order and performs loads in theirs, and ORDERED keeps the compiler from
 *     changing it. If a loaded word is of a writer that began after version v was loaded, then that writer's odd
 *     version was visible before the word, and the second load of the version finds it or a later one, never v. If it
 *     is of a writer before, then that one's words had all been visible when v was.
 *   - Versions do not come back: 64 bits outlast the machine.
 *
 * On other processors that takes barriers, for which 5.15 has no instruction there; their programs read the node's
 * memory every time. */
#pragma once
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "record.h"

#if defined(__TARGET_ARCH_x86)

/* 1 MiB. Of 125 peers with random ids one or two share a place, and are read each time they alternate. */
#define PEERS 8192
/* Holds an onion or I2P address with its port; a longer one, the name of a host, is read each time. */
#define PEER_ADDRESS 72

struct peer {
    __u64 version; /* 0 when never written */
    __s64 id;
    __u64 addr_place;
    __u32 generation;
    __u16 slot;
    __u8 addr_length;
    __u8 conn_length;
    char addr[PEER_ADDRESS];
    char conn_type[PS_CONNECTION_TYPE];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, PEERS);
    __uint(map_flags, BPF_F_MMAPABLE); /* begins at a page, so that an entry has two cache lines */
    __type(key, __u32);
    __type(value, struct peer);
} peers SEC(".maps");

#define ORDERED() asm volatile("" ::: "memory")
#define ONCE(word) (*(volatile __u64 *)&(word))

static __always_inline struct peer *peer_at(__u32 slot, __s64 id) {
    /* The processes of one machine have the same ids: an odd step keeps them apart. */
    __u32 index = ((__u32)id + slot * 1021) % PEERS;
    return bpf_map_lookup_elem(&peers, &index);
}

/* Fills in address and connection type of the record, if they are known. Otherwise both are as undefined as before. */
static __always_inline bool recall_peer(struct ps_message *message, __u32 generation, __s64 id, __u64 addr_place) {
    struct ps_record *record = &message->record;
    struct peer *peer = peer_at(record->slot, id);
    if (!peer) return false;
    __u64 version = ONCE(peer->version);
    ORDERED();
    if (version == 0 || version & 1) return false;
    if (peer->id != id || peer->addr_place != addr_place || peer->slot != record->slot ||
        peer->generation != generation)
        return false;
    record->string_length[0] = peer->addr_length;
    record->string_length[1] = peer->conn_length;
    /* 24 bytes hold every IPv4 address with its port. */
    __builtin_memcpy(message->addr, peer->addr, 24);
    if (peer->addr_length > 24) __builtin_memcpy(message->addr + 24, peer->addr + 24, PEER_ADDRESS - 24);
    __builtin_memcpy(message->conn_type, peer->conn_type, PS_CONNECTION_TYPE);
    ORDERED();
    return ONCE(peer->version) == version;
}

/* Keeps address and connection type of a record for which both were just read, unless one was cut or is too long. */
static __always_inline void remember_peer(const struct ps_message *message, __u32 generation, __s64 id,
                                          __u64 addr_place) {
    const struct ps_record *record = &message->record;
    if (record->flags & PS_STRING_CUT || record->string_length[0] >= PEER_ADDRESS) return;
    struct peer *peer = peer_at(record->slot, id);
    if (!peer) return;
    __u64 version = ONCE(peer->version);
    if (version & 1 || __sync_val_compare_and_swap(&peer->version, version, version + 1) != version) return;
    ORDERED();
    peer->id = id;
    peer->addr_place = addr_place;
    peer->generation = generation;
    peer->slot = record->slot;
    peer->addr_length = record->string_length[0];
    peer->conn_length = record->string_length[1];
    __builtin_memcpy(peer->addr, message->addr, PEER_ADDRESS);
    __builtin_memcpy(peer->conn_type, message->conn_type, PS_CONNECTION_TYPE);
    ORDERED();
    ONCE(peer->version) = version + 2;
}

#else

static __always_inline bool recall_peer(struct ps_message *message, __u32 generation, __s64 id, __u64 addr_place) {
    return false;
}
static __always_inline void remember_peer(const struct ps_message *message, __u32 generation, __s64 id,
                                          __u64 addr_place) {}

#endif
