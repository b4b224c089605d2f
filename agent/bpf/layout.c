#include "record.h"

#include <stddef.h>

#define AT(type, member) (unsigned)offsetof(struct type, member)

static unsigned pick(unsigned index, unsigned first, unsigned second, unsigned third) {
    return index == 0 ? first : index == 1 ? second : index == 2 ? third : 0;
}

unsigned ps_area_offset(unsigned tracepoint, unsigned kind, unsigned index) {
    switch (tracepoint) {
    case 1:
    case 2:
        if (kind == 2) return index == 0 ? AT(ps_message, payload) : 0;
        return kind == 1 ? pick(index, AT(ps_message, addr), AT(ps_message, conn_type), AT(ps_message, msg_type)) : 0;
    case 3:
    case 4:
    case 5:
    case 6:
        return kind == 1 ? pick(index, AT(ps_connection, addr), AT(ps_connection, conn_type), 0) : 0;
    case 7: return kind == 1 ? pick(index, AT(ps_misbehaving, reason), 0, 0) : 0;
    case 8: return kind == 0 ? pick(index, AT(ps_block, hash), 0, 0) : 0;
    case 10:
    case 11:
    case 12:
    case 17: return kind == 0 ? pick(index, AT(ps_hash, hash), 0, 0) : 0;
    case 13:
        return kind == 1 ? pick(index, AT(ps_selected_coins, wallet), AT(ps_selected_coins, algorithm), 0) : 0;
    case 14:
    case 15:
    case 16: return kind == 1 ? pick(index, AT(ps_wallet, wallet), 0, 0) : 0;
    case 18:
    case 20:
        if (kind == 0) return pick(index, AT(ps_hash_reason, hash), 0, 0);
        return kind == 1 ? pick(index, AT(ps_hash_reason, reason), 0, 0) : 0;
    case 19: return kind == 0 ? pick(index, AT(ps_replaced, old_txid), AT(ps_replaced, new_id), 0) : 0;
    case 21:
    case 22: return kind == 1 ? pick(index, AT(ps_addrman, addr), AT(ps_addrman, source), 0) : 0;
    default: return 0;
    }
}

unsigned ps_record_size(unsigned tracepoint) {
    switch (tracepoint) {
    case 1:
    case 2: return sizeof(struct ps_message);
    case 3:
    case 4:
    case 5:
    case 6: return sizeof(struct ps_connection);
    case 7: return sizeof(struct ps_misbehaving);
    case 8: return sizeof(struct ps_block);
    case 9: return sizeof(struct ps_numbers);
    case 10:
    case 11:
    case 12:
    case 17: return sizeof(struct ps_hash);
    case 13: return sizeof(struct ps_selected_coins);
    case 14:
    case 15:
    case 16: return sizeof(struct ps_wallet);
    case 18:
    case 20: return sizeof(struct ps_hash_reason);
    case 19: return sizeof(struct ps_replaced);
    case 21:
    case 22: return sizeof(struct ps_addrman);
    default: return 0;
    }
}
