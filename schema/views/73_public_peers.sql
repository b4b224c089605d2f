-- Addresses and peers, for sharing: hashes under a key per release and view, hours, and no group of fewer than five peers.

DROP VIEW IF EXISTS peerscope_public.addr_episodes CASCADE;
CREATE VIEW peerscope_public.addr_episodes WITH (security_barrier) AS
SELECT h.day, k.release, h.network,
       encode(substr(peerscope.hmac_sha256(k.inner_pad, k.outer_pad, convert_to(h.network || ' ' || h.addr, 'UTF8')), 1, 16), 'hex')
           AS address,
       CASE WHEN h.port_8333 THEN '8333' ELSE 'other' END AS port, h.hour, h.novel, h.nodes
  FROM peerscope.public_addr_hour h
  JOIN peerscope.public_days d ON d.day = h.day
  JOIN peerscope.public_key k ON k.scope = 'addr_episodes' AND k.release = (SELECT max(release) FROM peerscope.public_release)
 WHERE h.hour < now() - interval '1 day'
   AND NOT EXISTS (SELECT FROM peerscope.public_own_address o WHERE o.addr = h.addr);
COMMENT ON VIEW peerscope_public.addr_episodes IS
    'Gossip about an address after 24 h of silence in the fleet, and how many of our nodes it reached. Without our own addresses.';
COMMENT ON COLUMN peerscope_public.addr_episodes.day IS 'Day on which it began, UTC: ask by it.';
COMMENT ON COLUMN peerscope_public.addr_episodes.release IS 'The release whose hashes these are.';
COMMENT ON COLUMN peerscope_public.addr_episodes.network IS 'ipv4, ipv6, onion, i2p or cjdns.';
COMMENT ON COLUMN peerscope_public.addr_episodes.address IS 'Hash of the address under a key of this release and view: the same address has the same hash in all of its rows, and another one elsewhere.';
COMMENT ON COLUMN peerscope_public.addr_episodes.port IS '8333 or other.';
COMMENT ON COLUMN peerscope_public.addr_episodes.hour IS 'Hour in which it began, UTC.';
COMMENT ON COLUMN peerscope_public.addr_episodes.novel IS 'Whether the fleet had never been told of the address.';
COMMENT ON COLUMN peerscope_public.addr_episodes.nodes IS 'Nodes it reached.';

DROP VIEW IF EXISTS peerscope_public.addr_unique_daily CASCADE;
CREATE VIEW peerscope_public.addr_unique_daily WITH (security_barrier) AS
SELECT u.day, u.network, u.class, u.unit, u.union_count, u.median_per_node, u.nodes,
       CASE WHEN u.new_addrs >= 5 THEN u.new_addrs END AS new_addrs
  FROM peerscope.addr_unique_day u
  JOIN peerscope.public_days d ON d.day = u.day
 WHERE u.union_count >= 5
   -- All less the others would tell of the one that is left out.
   AND (u.class <> 'all' OR NOT EXISTS (
        SELECT FROM peerscope.addr_unique_day o
         WHERE o.day = u.day AND o.network = u.network AND o.unit = u.unit AND o.union_count < 5));
COMMENT ON VIEW peerscope_public.addr_unique_daily IS
    'How many addresses the fleet was told on a day; groups of fewer than five are left out, and all together where one of them is.';
COMMENT ON COLUMN peerscope_public.addr_unique_daily.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope_public.addr_unique_daily.network IS 'Network.';
COMMENT ON COLUMN peerscope_public.addr_unique_daily.class IS 'getaddr_response, self, bulk, gossip, stale, or all.';
COMMENT ON COLUMN peerscope_public.addr_unique_daily.unit IS 'What is counted: ip, or ip:port.';
COMMENT ON COLUMN peerscope_public.addr_unique_daily.union_count IS 'Distinct ones over all nodes.';
COMMENT ON COLUMN peerscope_public.addr_unique_daily.median_per_node IS 'Median over the nodes.';
COMMENT ON COLUMN peerscope_public.addr_unique_daily.nodes IS 'Nodes that were told any.';
COMMENT ON COLUMN peerscope_public.addr_unique_daily.new_addrs IS 'Those never seen before; NULL when fewer than five.';

DROP VIEW IF EXISTS peerscope_public.addr_coverage_curve CASCADE;
CREATE VIEW peerscope_public.addr_coverage_curve WITH (security_barrier) AS
SELECT c.day, c.network, c.novel, c.delta_s, c.reached, c.eligible, c.reached / c.eligible::float8 AS coverage
  FROM peerscope.addr_coverage_day c
  JOIN peerscope.public_days d ON d.day = c.day
 WHERE c.eligible >= 5;
COMMENT ON VIEW peerscope_public.addr_coverage_curve IS
    'Share of our nodes that gossip about an address had reached after delta_s, over all episodes of a day.';
COMMENT ON COLUMN peerscope_public.addr_coverage_curve.day IS 'Day of the episodes'' start, UTC.';
COMMENT ON COLUMN peerscope_public.addr_coverage_curve.network IS 'Network.';
COMMENT ON COLUMN peerscope_public.addr_coverage_curve.novel IS 'Addresses never seen before, or others.';
COMMENT ON COLUMN peerscope_public.addr_coverage_curve.delta_s IS 'Seconds since the episode''s start.';
COMMENT ON COLUMN peerscope_public.addr_coverage_curve.reached IS 'Pairs of episode and eligible node reached by then.';
COMMENT ON COLUMN peerscope_public.addr_coverage_curve.eligible IS 'Pairs of episode and eligible node, at least five.';
COMMENT ON COLUMN peerscope_public.addr_coverage_curve.coverage IS 'reached / eligible.';

DROP VIEW IF EXISTS peerscope_public.addr_truth CASCADE;
CREATE VIEW peerscope_public.addr_truth WITH (security_barrier) AS
SELECT k.gossiped_day AS day, k.network, count(*) AS newly_gossiped,
       CASE WHEN count(*) FILTER (WHERE v.day IS NOT NULL) >= 5 THEN count(*) FILTER (WHERE v.day IS NOT NULL) END AS handshaked
  FROM peerscope.addr_known k
  JOIN peerscope.public_days d ON d.day = k.gossiped_day
  LEFT JOIN peerscope.public_days v ON v.day = k.handshaked_day
 GROUP BY k.gossiped_day, k.network
HAVING count(*) >= 5;
COMMENT ON VIEW peerscope_public.addr_truth IS
    'How many addresses that came up in gossip on a day turned out to be nodes.';
COMMENT ON COLUMN peerscope_public.addr_truth.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope_public.addr_truth.network IS 'Network.';
COMMENT ON COLUMN peerscope_public.addr_truth.newly_gossiped IS 'Addresses first heard of in gossip on that day, at least five.';
COMMENT ON COLUMN peerscope_public.addr_truth.handshaked IS 'Those with which a node of ours ever completed a handshake; NULL when fewer than five.';

DROP VIEW IF EXISTS peerscope_public.peer_sessions CASCADE;
CREATE VIEW peerscope_public.peer_sessions WITH (security_barrier) AS
SELECT s.day, k.release, n.name AS node, s.network,
       encode(substr(peerscope.hmac_sha256(k.inner_pad, k.outer_pad, convert_to(s.network || ' ' || s.addr, 'UTF8')), 1, 16), 'hex')
           AS peer,
       CASE WHEN s.port_8333 THEN '8333' ELSE 'other' END AS port, s.direction, s.opened_hour, s.closed_hour, s.handshaked, s.evicted,
       s.user_agent
  FROM peerscope.public_session s
  JOIN peerscope.public_days d ON d.day = s.day
  JOIN peerscope.public_node n ON n.node_id = s.node_id
  JOIN peerscope.public_key k ON k.scope = 'peer_sessions' AND k.release = (SELECT max(release) FROM peerscope.public_release)
 WHERE coalesce(s.closed_hour, s.opened_hour) < now() - interval '1 day'
   AND NOT EXISTS (SELECT FROM peerscope.public_own_address o WHERE o.addr = s.addr);
COMMENT ON VIEW peerscope_public.peer_sessions IS
    'Connections that began on a day. Without those inside the fleet and those of type private-broadcast.';
COMMENT ON COLUMN peerscope_public.peer_sessions.day IS 'The day, UTC: ask by it.';
COMMENT ON COLUMN peerscope_public.peer_sessions.release IS 'The release whose hashes these are.';
COMMENT ON COLUMN peerscope_public.peer_sessions.node IS 'Our node, by its name in this release.';
COMMENT ON COLUMN peerscope_public.peer_sessions.network IS 'ipv4, ipv6, onion, i2p, cjdns or unroutable.';
COMMENT ON COLUMN peerscope_public.peer_sessions.peer IS 'Hash of the peer''s address under a key of this release and view.';
COMMENT ON COLUMN peerscope_public.peer_sessions.port IS '8333 or other.';
COMMENT ON COLUMN peerscope_public.peer_sessions.direction IS 'inbound when the peer connected to us, else outbound.';
COMMENT ON COLUMN peerscope_public.peer_sessions.opened_hour IS 'Hour in which it began, UTC.';
COMMENT ON COLUMN peerscope_public.peer_sessions.closed_hour IS 'Hour in which it ended; NULL when that was not on the same day.';
COMMENT ON COLUMN peerscope_public.peer_sessions.handshaked IS 'Whether its handshake was completed.';
COMMENT ON COLUMN peerscope_public.peer_sessions.evicted IS 'Whether we evicted it, on the same day.';
COMMENT ON COLUMN peerscope_public.peer_sessions.user_agent IS 'User agent it claims; NULL where fewer than five peers of the day claim the same.';

DROP VIEW IF EXISTS peerscope_public.peers_daily CASCADE;
CREATE VIEW peerscope_public.peers_daily WITH (security_barrier) AS
SELECT p.day, p.network, p.direction, p.user_agent, p.peers, p.sessions
  FROM peerscope.public_peer_day p
  JOIN peerscope.public_days d ON d.day = p.day;
COMMENT ON VIEW peerscope_public.peers_daily IS
    'How many peers of a day say what they are; groups of fewer than five are left out.';
COMMENT ON COLUMN peerscope_public.peers_daily.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope_public.peers_daily.network IS 'Network.';
COMMENT ON COLUMN peerscope_public.peers_daily.direction IS 'inbound when they connected to us, else outbound.';
COMMENT ON COLUMN peerscope_public.peers_daily.user_agent IS 'User agent they claim; other for all that fewer than five claim.';
COMMENT ON COLUMN peerscope_public.peers_daily.peers IS 'Distinct addresses.';
COMMENT ON COLUMN peerscope_public.peers_daily.sessions IS 'Their sessions with a completed handshake.';

DROP VIEW IF EXISTS peerscope_public.connections_daily CASCADE;
CREATE VIEW peerscope_public.connections_daily WITH (security_barrier) AS
SELECT c.day, n.name AS node, c.network, c.direction, c.peers, c.sessions, c.handshaked
  FROM peerscope.public_connection_day c
  JOIN peerscope.public_days d ON d.day = c.day
  JOIN peerscope.public_node n ON n.node_id = c.node_id;
COMMENT ON VIEW peerscope_public.connections_daily IS
    'How many peers connected to a node, or it to them, on a day; groups of fewer than five are left out.';
COMMENT ON COLUMN peerscope_public.connections_daily.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope_public.connections_daily.node IS 'Our node, by its name in this release.';
COMMENT ON COLUMN peerscope_public.connections_daily.network IS 'Network.';
COMMENT ON COLUMN peerscope_public.connections_daily.direction IS 'inbound when they connected to us, else outbound.';
COMMENT ON COLUMN peerscope_public.connections_daily.peers IS 'Distinct addresses.';
COMMENT ON COLUMN peerscope_public.connections_daily.sessions IS 'Sessions that began on the day.';
COMMENT ON COLUMN peerscope_public.connections_daily.handshaked IS 'Those whose handshake was completed.';
