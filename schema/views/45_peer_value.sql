-- What peers are worth to us: who brings blocks and transactions first, and for how many bytes.
DROP VIEW IF EXISTS peerscope.peer_value CASCADE;
CREATE VIEW peerscope.peer_value AS
SELECT w.peer,
       w."group",
       nullif(w.agent, '') AS agent,
       w.nodes,
       w.sessions,
       w.first_blocks,
       w.first_transactions,
       w.bytes / 1e6::float8 AS megabytes,
       w.first_blocks * 1e6 / nullif(w.bytes, 0)::float8 AS first_blocks_per_mb,
       w.first_transactions * 1e6 / nullif(w.bytes, 0)::float8 AS first_transactions_per_mb,
       w.evicted
  FROM peerscope.peer_value_window w
 WHERE w.day = (SELECT max(l.day) FROM peerscope.digest_state l WHERE l.part = 'transactions' AND l.error IS NULL
                   AND l.day <= (SELECT (max(s.last_event_at) AT TIME ZONE 'UTC')::date FROM peerscope.stream s));
COMMENT ON VIEW peerscope.peer_value IS
    'Peers with sessions in the last seven days of data (UTC days), one row per host and user agent, and what these sessions were worth in all their life: blocks and transactions that no other peer of a node had announced to it before, and bytes. Sum over "group" or agent as you like.';
COMMENT ON COLUMN peerscope.peer_value.peer IS 'Host of the peer, without port: inbound peers come from changing ones.';
COMMENT ON COLUMN peerscope.peer_value."group" IS 'Its /24 or /48, else its network group; NULL for a name.';
COMMENT ON COLUMN peerscope.peer_value.agent IS 'User agent it claims; NULL when it said none.';
COMMENT ON COLUMN peerscope.peer_value.nodes IS 'Nodes it was connected to.';
COMMENT ON COLUMN peerscope.peer_value.sessions IS 'Sessions in which messages were exchanged.';
COMMENT ON COLUMN peerscope.peer_value.first_blocks IS 'Blocks it announced to a node first, of those the node connected and did not mine; once per node.';
COMMENT ON COLUMN peerscope.peer_value.first_transactions IS 'Transactions it announced or delivered to a node first; once per node.';
COMMENT ON COLUMN peerscope.peer_value.megabytes IS 'Payload of its sessions in both directions, in 1 000 000 bytes.';
COMMENT ON COLUMN peerscope.peer_value.first_blocks_per_mb IS 'First blocks per megabyte; NULL without traffic.';
COMMENT ON COLUMN peerscope.peer_value.first_transactions_per_mb IS 'First transactions per megabyte; NULL without traffic.';
COMMENT ON COLUMN peerscope.peer_value.evicted IS 'Sessions that we evicted.';
