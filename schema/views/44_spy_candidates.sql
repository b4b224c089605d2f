-- Who is connected to many of our nodes at once, takes what they announce and gives nothing?
DROP VIEW IF EXISTS peerscope.spy_candidates CASCADE;
CREATE VIEW peerscope.spy_candidates AS
SELECT w."group",
       w.nodes,
       w.sessions,
       w.median_life_s,
       w.reconnects,
       w.inv_out,
       w.getdata_in,
       w.tx_in,
       w.agents,
       w.score
  FROM peerscope.spy_window w
 WHERE w.day = (SELECT max(l.day) FROM peerscope.digest_state l WHERE l.part = 'peers' AND l.error IS NULL
                   AND l.day <= (SELECT (max(s.last_event_at) AT TIME ZONE 'UTC')::date FROM peerscope.stream s));
COMMENT ON VIEW peerscope.spy_candidates IS
    'Groups of peers that were connected to at least three of our nodes in the last seven days of data (UTC days, the last one as far as there is data), by their inbound sessions; onion and I2P have no groups, and links between nodes of the fleet are left out. score is between 0 and 1: (nodes / nodes of the fleet with inbound sessions) × inv_out / (inv_out + 1000) ÷ (1 + 100 × (getdata_in + tx_in) / (inv_out + 1)). It grows with every node visited and with what is taken, and falls with whatever is asked for or given: who asks for or delivers 3 % of what it is told has a quarter of the score of one that only listens. A large provider''s /24 with many honest peers may appear here, with a low score. They are candidates, not culprits. Earlier windows are in spy_window.';
COMMENT ON COLUMN peerscope.spy_candidates."group" IS 'A /24 (IPv4) or /48 (IPv6, CJDNS).';
COMMENT ON COLUMN peerscope.spy_candidates.nodes IS 'Nodes it was connected to.';
COMMENT ON COLUMN peerscope.spy_candidates.sessions IS 'Inbound sessions alive in the window.';
COMMENT ON COLUMN peerscope.spy_candidates.median_life_s IS 'Their median life in seconds (Kaplan-Meier, those that last are right-censored); NULL while more than half are estimated to go on.';
COMMENT ON COLUMN peerscope.spy_candidates.reconnects IS 'Sessions of an address to a node after an earlier one of the same address there had ended.';
COMMENT ON COLUMN peerscope.spy_candidates.inv_out IS 'Transactions we announced to them, over the whole of these sessions.';
COMMENT ON COLUMN peerscope.spy_candidates.getdata_in IS 'Transactions they asked us for.';
COMMENT ON COLUMN peerscope.spy_candidates.tx_in IS 'Transactions they delivered.';
COMMENT ON COLUMN peerscope.spy_candidates.agents IS 'Different user agents they claimed.';
COMMENT ON COLUMN peerscope.spy_candidates.score IS 'How well the group fits the pattern, 0 to 1; see the view.';
