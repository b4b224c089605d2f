-- How easily a node could be cut off from the others, or whether it is.
DROP VIEW IF EXISTS peerscope.eclipse_indicators CASCADE;
CREATE VIEW peerscope.eclipse_indicators AS
SELECT n.name AS node,
       h.hour,
       h.population,
       h.netgroup_hhi,
       h.effective_groups,
       h.top_group_share,
       h.top_source_share,
       h.table_occupancy,
       h.outbound_replacements,
       h.evicted_per_inbound,
       h.tip_lag_s,
       h.members,
       h.top_group
  FROM peerscope.eclipse_hour h
  JOIN peerscope.node n ON n.node_id = h.node_id;
COMMENT ON VIEW peerscope.eclipse_indicators IS
    'By hour and population, how concentrated the peers of a node and its address tables are (after Heilman et al., 2015, and Tran et al., 2020), how fast peers go, and how far the node is behind the fleet. An hour has rows when the node was captured in it. For outbound and inbound a share is one of the time that peers were connected in the captured part of the hour; outbound leaves out feelers, addr-fetch and private-broadcast. For addrman, which only patched nodes tell of (NULL for others), it is one of the slots filled within the last seven days: what the tables held before is not known.';
COMMENT ON COLUMN peerscope.eclipse_indicators.node IS 'The node.';
COMMENT ON COLUMN peerscope.eclipse_indicators.hour IS 'Start of the hour, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.eclipse_indicators.population IS 'outbound, inbound or addrman.';
COMMENT ON COLUMN peerscope.eclipse_indicators.netgroup_hhi IS 'Herfindahl-Hirschman index: sum of the squared shares of network groups (of AS where addrman says so); 1 when there is but one group, NULL without members.';
COMMENT ON COLUMN peerscope.eclipse_indicators.effective_groups IS 'e to the entropy of those shares: as many groups of equal size would be as diverse.';
COMMENT ON COLUMN peerscope.eclipse_indicators.top_group_share IS 'Share of the largest group.';
COMMENT ON COLUMN peerscope.eclipse_indicators.top_source_share IS 'addrman: share of the largest group of those who told the node of the addresses; NULL for others.';
COMMENT ON COLUMN peerscope.eclipse_indicators.table_occupancy IS 'addrman: share of the 81 920 slots of both tables known to be filled at the hour''s end, a lower bound; NULL for others.';
COMMENT ON COLUMN peerscope.eclipse_indicators.outbound_replacements IS 'outbound: full-relay and block-relay peers lost in the hour after at least ten minutes, apart from those that a stopping process let go; NULL for others.';
COMMENT ON COLUMN peerscope.eclipse_indicators.evicted_per_inbound IS 'inbound: sessions evicted in the hour, per session opened in it; NULL for others and when none was opened.';
COMMENT ON COLUMN peerscope.eclipse_indicators.tip_lag_s IS 'The most seconds, at any time of the hour, since the fleet''s first node connected a block higher than the node''s tip: 0 for a node that was always first. Blocks of the two days before count, if the node was captured from then on without gap; NULL when no other node connected one. The same in all three rows of an hour.';
COMMENT ON COLUMN peerscope.eclipse_indicators.members IS 'Peers connected, mean over the captured time; for addrman, slots known to be filled.';
COMMENT ON COLUMN peerscope.eclipse_indicators.top_group IS 'The largest group; of equal ones the first by name.';
