/* The sites in the order of the numbers in Sources/Tracepoints. The including file declares them. */
static const struct site *const sites[] = {
    &net_inbound_message_site,
    &net_outbound_message_site,
    &net_inbound_connection_site,
    &net_outbound_connection_site,
    &net_evicted_inbound_connection_site,
    &net_closed_connection_site,
    &net_misbehaving_connection_site,
    &validation_block_connected_site,
    &utxocache_flush_site,
    &utxocache_add_site,
    &utxocache_spent_site,
    &utxocache_uncache_site,
    &coin_selection_selected_coins_site,
    &coin_selection_normal_create_tx_internal_site,
    &coin_selection_attempting_aps_create_tx_site,
    &coin_selection_aps_create_tx_internal_site,
    &mempool_added_site,
    &mempool_removed_site,
    &mempool_replaced_site,
    &mempool_rejected_site,
    &addrman_attempt_add_site,
    &addrman_move_to_good_site,
};
enum { SITE_COUNT = sizeof sites / sizeof sites[0] };

/* The notes give addresses relative to this symbol, but only an allocated section that uses it keeps the
 * linker's --gc-sections from dropping it; Core's binaries have it. */
extern const char stapsdt_base[] __asm__("_.stapsdt.base") __attribute__((visibility("hidden")));

static const struct site *site_of(unsigned tracepoint) {
    __asm__ volatile("" : : "r"(stapsdt_base));
    return tracepoint >= 1 && tracepoint <= SITE_COUNT ? sites[tracepoint - 1] : 0;
}
