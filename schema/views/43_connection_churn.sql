-- How peers come and go.
DROP VIEW IF EXISTS peerscope.connection_churn CASCADE;
CREATE VIEW peerscope.connection_churn AS
SELECT n.name AS node,
       h.hour,
       h.network,
       h.direction,
       h.opened,
       h.handshaked,
       h.closed,
       h.evicted,
       h.median_life_s
  FROM peerscope.connection_hour h
  JOIN peerscope.node n ON n.node_id = h.node_id;
COMMENT ON VIEW peerscope.connection_churn IS
    'Connections opened, handshaked, closed and evicted in an hour, each counted in the hour in which it happened. Sessions that were there before capture began are not counted as opened. The end of a process closes its sessions.';
COMMENT ON COLUMN peerscope.connection_churn.node IS 'The node.';
COMMENT ON COLUMN peerscope.connection_churn.hour IS 'Start of the hour, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.connection_churn.network IS 'ipv4, ipv6, onion, i2p, cjdns, unroutable, or unknown for nodes before v29 that do not say.';
COMMENT ON COLUMN peerscope.connection_churn.direction IS 'inbound or outbound.';
COMMENT ON COLUMN peerscope.connection_churn.opened IS 'Sessions opened.';
COMMENT ON COLUMN peerscope.connection_churn.handshaked IS 'Handshakes completed: verack arrived.';
COMMENT ON COLUMN peerscope.connection_churn.closed IS 'Sessions ended, by whatever cause.';
COMMENT ON COLUMN peerscope.connection_churn.evicted IS 'Those of them that the node evicted.';
COMMENT ON COLUMN peerscope.connection_churn.median_life_s IS 'Median life in seconds of the sessions opened in the hour, by Kaplan and Meier''s estimate: a session that lasts counts as alive up to the node''s newest event, at most to the end of the next UTC day (right-censored); NULL while more than half are estimated to go on.';
