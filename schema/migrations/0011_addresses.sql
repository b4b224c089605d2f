-- Addresses over the whole fleet: what the parts addresses_… of the digest store (schema/views/20_… to 28_…).

-- Announcements are read by day and class; those dated so far ahead that they may be heard for more than an hour are
-- looked up one by one. Both hold only columns that never change, so that counting a copy stays cheap.
CREATE INDEX addr_announcement_relay ON peerscope.addr_announcement (class, first_seen)
    WHERE class IN ('gossip', 'self');
CREATE INDEX addr_announcement_ahead ON peerscope.addr_announcement (addr, port, network, first_seen)
    WHERE class = 'gossip' AND freshness_s < -3000;
-- Which addresses came up for the first time on a day?
CREATE INDEX addr_sighting_first_seen ON peerscope.addr_sighting (first_seen);

-- 1. Episodes of gossip.

CREATE TABLE peerscope.addr_episode (
    network    text NOT NULL,
    addr       text NOT NULL,
    port       int NOT NULL,
    day        date NOT NULL,
    episode_at timestamptz NOT NULL,
    until_day  date NOT NULL,
    novel      bool NOT NULL DEFAULT false,
    PRIMARY KEY (addr, port, network, day)
);
CREATE INDEX addr_episode_day ON peerscope.addr_episode (day);
COMMENT ON TABLE peerscope.addr_episode IS
    'Episodes of gossip about an address in the fleet: one begins with the first gossip after 24 h of silence, and goes on, perhaps for weeks, until the next silence. So a day has at most one beginning of an address.';
COMMENT ON COLUMN peerscope.addr_episode.network IS 'Network of the address.';
COMMENT ON COLUMN peerscope.addr_episode.addr IS 'The address.';
COMMENT ON COLUMN peerscope.addr_episode.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_episode.day IS 'Day on which it began, UTC in corrected time.';
COMMENT ON COLUMN peerscope.addr_episode.episode_at IS 'Corrected time of the first copy at any node.';
COMMENT ON COLUMN peerscope.addr_episode.until_day IS 'Last day on which an announcement of it first reached a node.';
COMMENT ON COLUMN peerscope.addr_episode.novel IS 'Whether no node had ever been told the address before, in any class.';

CREATE TABLE peerscope.addr_arrival (
    network         text NOT NULL,
    addr            text NOT NULL,
    port            int NOT NULL,
    day             date NOT NULL,
    node_id         int NOT NULL,
    t_ns            bigint NOT NULL,
    eps_ns          bigint,
    reference       uuid,
    ref_maxerror_ns bigint,
    from_peer       bigint,
    freshness_s     float8,
    copies          bigint NOT NULL,
    copies_by_day   int[] NOT NULL,
    episode_at      timestamptz,
    first_seen      timestamptz,
    novel           bool,
    delay_s         float8,
    error_s         float8,
    PRIMARY KEY (addr, port, network, day, node_id)
) WITH (fillfactor = 80);
CREATE INDEX addr_arrival_episode ON peerscope.addr_arrival (episode_at);
COMMENT ON TABLE peerscope.addr_arrival IS
    'When an episode of gossip reached a node: its first copy there.';
COMMENT ON COLUMN peerscope.addr_arrival.network IS 'Network of the address.';
COMMENT ON COLUMN peerscope.addr_arrival.addr IS 'The address.';
COMMENT ON COLUMN peerscope.addr_arrival.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_arrival.day IS 'Day on which the episode began in the fleet, UTC in corrected time. It may have reached this node on a later one.';
COMMENT ON COLUMN peerscope.addr_arrival.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.addr_arrival.t_ns IS 'Corrected time of the node''s first copy, nanoseconds since 1970.';
COMMENT ON COLUMN peerscope.addr_arrival.eps_ns IS 'Error of t_ns, nanoseconds; NULL when unknown.';
COMMENT ON COLUMN peerscope.addr_arrival.reference IS 'The clock that t_ns is of.';
COMMENT ON COLUMN peerscope.addr_arrival.ref_maxerror_ns IS 'Error of that clock, which counts when an episode has times of several.';
COMMENT ON COLUMN peerscope.addr_arrival.from_peer IS 'Peer of the first copy.';
COMMENT ON COLUMN peerscope.addr_arrival.freshness_s IS 'First copy minus nTime in seconds, on the node''s own clock; negative when dated ahead.';
COMMENT ON COLUMN peerscope.addr_arrival.copies IS 'Copies the node received in the episode.';
COMMENT ON COLUMN peerscope.addr_arrival.copies_by_day IS 'The same by day, the first being the day the episode began: a copy counts on the day on which its announcement first reached the node. NULL for a day without. Copies that come more than a day after that, which takes an nTime dated so far ahead, count when that day is computed again.';
COMMENT ON COLUMN peerscope.addr_arrival.episode_at IS 'Corrected time of the first copy at any node.';
COMMENT ON COLUMN peerscope.addr_arrival.first_seen IS 't_ns as a time.';
COMMENT ON COLUMN peerscope.addr_arrival.novel IS 'Whether no node had ever been told the address before, in any class.';
COMMENT ON COLUMN peerscope.addr_arrival.delay_s IS 'Seconds behind the first node whose clock error is known; NULL when the node''s own is not.';
COMMENT ON COLUMN peerscope.addr_arrival.error_s IS 'The true delay differs from delay_s by no more, in seconds.';

CREATE TABLE peerscope.addr_coverage_day (
    day      date NOT NULL,
    network  text NOT NULL,
    novel    bool NOT NULL,
    delta_s  int NOT NULL,
    reached  bigint NOT NULL,
    eligible bigint NOT NULL,
    PRIMARY KEY (day, network, novel, delta_s)
);
COMMENT ON TABLE peerscope.addr_coverage_day IS
    'How many eligible nodes the episodes of a day had reached after some time.';
COMMENT ON COLUMN peerscope.addr_coverage_day.day IS 'Day on which the episodes began, UTC in corrected time.';
COMMENT ON COLUMN peerscope.addr_coverage_day.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_coverage_day.novel IS 'Addresses never seen before, or others.';
COMMENT ON COLUMN peerscope.addr_coverage_day.delta_s IS 'Seconds since the episode began.';
COMMENT ON COLUMN peerscope.addr_coverage_day.reached IS 'Pairs of episode and eligible node reached by then.';
COMMENT ON COLUMN peerscope.addr_coverage_day.eligible IS 'Pairs of episode and eligible node.';

-- 2. How many addresses there are, and which of them are nodes.

CREATE TABLE peerscope.addr_unique_day (
    day             date NOT NULL,
    network         text NOT NULL,
    class           text NOT NULL,
    unit            text NOT NULL,
    union_count     bigint NOT NULL,
    median_per_node float8 NOT NULL,
    nodes           int NOT NULL,
    new_addrs       bigint NOT NULL,
    PRIMARY KEY (day, network, class, unit)
);
COMMENT ON TABLE peerscope.addr_unique_day IS
    'Distinct addresses the fleet was told on a day, from addr_day.';
COMMENT ON COLUMN peerscope.addr_unique_day.day IS 'The day, UTC on each node''s own clock.';
COMMENT ON COLUMN peerscope.addr_unique_day.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_unique_day.class IS 'getaddr_response, self, bulk, gossip, stale, or all of them.';
COMMENT ON COLUMN peerscope.addr_unique_day.unit IS 'ip, or ip:port.';
COMMENT ON COLUMN peerscope.addr_unique_day.union_count IS 'Distinct addresses at all nodes together.';
COMMENT ON COLUMN peerscope.addr_unique_day.median_per_node IS 'Median over the nodes of their distinct addresses.';
COMMENT ON COLUMN peerscope.addr_unique_day.nodes IS 'Nodes that were told one.';
COMMENT ON COLUMN peerscope.addr_unique_day.new_addrs IS 'Those of union_count that no node had been told on an earlier day, in any class.';

CREATE TABLE peerscope.addr_known (
    network        text NOT NULL,
    addr           text NOT NULL,
    port           int NOT NULL,
    gossiped_day   date,
    handshaked_day date,
    PRIMARY KEY (addr, port, network)
);
CREATE INDEX addr_known_gossiped ON peerscope.addr_known (gossiped_day, network, handshaked_day)
    WHERE gossiped_day IS NOT NULL;
COMMENT ON TABLE peerscope.addr_known IS
    'Every address that the fleet ever heard in gossip or connected to.';
COMMENT ON COLUMN peerscope.addr_known.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_known.addr IS 'The address.';
COMMENT ON COLUMN peerscope.addr_known.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_known.gossiped_day IS 'First day on which a node heard it in gossip, UTC on that node''s clock; NULL when none did.';
COMMENT ON COLUMN peerscope.addr_known.handshaked_day IS 'First day on which a node connected to it and completed the handshake, UTC on that node''s clock; NULL when none did.';

-- 3. What sessions pour over us.

CREATE TABLE peerscope.addr_session_day (
    node_id   int NOT NULL,
    run_id    bigint NOT NULL,
    peer_id   bigint NOT NULL,
    day       date NOT NULL,
    messages  bigint NOT NULL,
    exact10   bigint NOT NULL,
    entries   bigint NOT NULL,
    future    bigint NOT NULL,
    passed    bigint NOT NULL,
    limited   bigint NOT NULL,
    opened_at timestamptz,
    PRIMARY KEY (node_id, run_id, peer_id, day)
);
CREATE INDEX addr_session_day_day ON peerscope.addr_session_day (day);
CREATE INDEX addr_session_day_opened ON peerscope.addr_session_day (opened_at);
COMMENT ON TABLE peerscope.addr_session_day IS
    'addr_session_minute by day.';
COMMENT ON COLUMN peerscope.addr_session_day.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.addr_session_day.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.addr_session_day.peer_id IS 'Core''s number of the peer.';
COMMENT ON COLUMN peerscope.addr_session_day.day IS 'The day, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.addr_session_day.messages IS 'addr and addrv2 messages received.';
COMMENT ON COLUMN peerscope.addr_session_day.exact10 IS 'Those of exactly ten entries: the most that Core relays on.';
COMMENT ON COLUMN peerscope.addr_session_day.entries IS 'Entries in them.';
COMMENT ON COLUMN peerscope.addr_session_day.future IS 'Entries whose nTime is ahead of the node''s own clock.';
COMMENT ON COLUMN peerscope.addr_session_day.passed IS 'Entries for which Core''s token bucket had a token.';
COMMENT ON COLUMN peerscope.addr_session_day.limited IS 'Entries for which it had none.';
COMMENT ON COLUMN peerscope.addr_session_day.opened_at IS 'When the session was opened, on the node''s clock.';

CREATE TABLE peerscope.addr_flood (
    node_id        int NOT NULL,
    run_id         bigint NOT NULL,
    peer_id        bigint NOT NULL,
    from_minute    timestamptz NOT NULL,
    day            date NOT NULL,
    from_at        timestamptz NOT NULL,
    to_at          timestamptz NOT NULL,
    messages       bigint NOT NULL,
    exact10        bigint NOT NULL,
    entries        bigint NOT NULL,
    future         bigint NOT NULL,
    passed         bigint NOT NULL,
    addresses      bigint,
    novel          bigint,
    prefix_entropy float8,
    PRIMARY KEY (node_id, run_id, peer_id, from_minute)
);
CREATE INDEX addr_flood_from ON peerscope.addr_flood (from_at);
CREATE INDEX addr_flood_day ON peerscope.addr_flood (day);
COMMENT ON TABLE peerscope.addr_flood IS
    'Stretches in which a session sent messages of exactly ten entries again and again.';
COMMENT ON COLUMN peerscope.addr_flood.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.addr_flood.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.addr_flood.peer_id IS 'Core''s number of the peer.';
COMMENT ON COLUMN peerscope.addr_flood.from_minute IS 'First minute of the stretch, on the node''s clock.';
COMMENT ON COLUMN peerscope.addr_flood.day IS 'Its day, UTC on the node''s clock: a stretch ends at midnight, and another begins.';
COMMENT ON COLUMN peerscope.addr_flood.from_at IS 'Corrected time of its first entry.';
COMMENT ON COLUMN peerscope.addr_flood.to_at IS 'Corrected time of its last entry.';
COMMENT ON COLUMN peerscope.addr_flood.messages IS 'Address messages in its minutes.';
COMMENT ON COLUMN peerscope.addr_flood.exact10 IS 'Those of exactly ten entries.';
COMMENT ON COLUMN peerscope.addr_flood.entries IS 'Entries.';
COMMENT ON COLUMN peerscope.addr_flood.future IS 'Entries whose nTime is ahead of the node''s own clock.';
COMMENT ON COLUMN peerscope.addr_flood.passed IS 'Entries for which Core''s token bucket had a token.';
COMMENT ON COLUMN peerscope.addr_flood.addresses IS 'Distinct addresses among the entries; NULL when the entries were not stored.';
COMMENT ON COLUMN peerscope.addr_flood.novel IS 'Those that no node had been told before the stretch began.';
COMMENT ON COLUMN peerscope.addr_flood.prefix_entropy IS 'Entropy of the first byte of the distinct addresses, in bits.';

-- 4. What peers do with addresses.

CREATE TABLE peerscope.addr_self (
    node_id      int NOT NULL,
    run_id       bigint NOT NULL,
    peer_id      bigint NOT NULL,
    network      text NOT NULL,
    addr         text NOT NULL,
    port         int NOT NULL,
    announced_at timestamptz NOT NULL,
    at           timestamptz NOT NULL,
    interval_s   float8,
    PRIMARY KEY (node_id, run_id, peer_id, network, addr, port, announced_at)
);
CREATE INDEX addr_self_at ON peerscope.addr_self (at);
COMMENT ON TABLE peerscope.addr_self IS
    'Addresses that peers announced as their own, from addr_announcement. Two sessions that announce one address with the same nTime count as one, the first.';
COMMENT ON COLUMN peerscope.addr_self.node_id IS 'The node that was told.';
COMMENT ON COLUMN peerscope.addr_self.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.addr_self.peer_id IS 'Core''s number of the peer.';
COMMENT ON COLUMN peerscope.addr_self.network IS 'Network of the address.';
COMMENT ON COLUMN peerscope.addr_self.addr IS 'The address.';
COMMENT ON COLUMN peerscope.addr_self.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_self.announced_at IS 'nTime.';
COMMENT ON COLUMN peerscope.addr_self.at IS 'Corrected time at which it was told.';
COMMENT ON COLUMN peerscope.addr_self.interval_s IS 'Seconds since the session announced this address before; NULL for the first time.';

CREATE TYPE peerscope.announcement AS (network text, addr text, port int, announced_at timestamptz);
COMMENT ON TYPE peerscope.announcement IS
    'An address with its nTime: what travels unchanged from peer to peer.';

CREATE TABLE peerscope.addr_fanout (
    node_id         int NOT NULL,
    network         text NOT NULL,
    addr            text NOT NULL,
    port            int NOT NULL,
    announced_at    timestamptz NOT NULL,
    at              timestamptz NOT NULL,
    fanout          int NOT NULL,
    forward_delay_s float8 NOT NULL,
    PRIMARY KEY (node_id, network, addr, port, announced_at)
);
CREATE INDEX addr_fanout_at ON peerscope.addr_fanout (at);
COMMENT ON TABLE peerscope.addr_fanout IS
    'Gossip, and what peers said of themselves, that a node sent on: to how many peers, and how soon.';
COMMENT ON COLUMN peerscope.addr_fanout.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.addr_fanout.network IS 'Network of the address.';
COMMENT ON COLUMN peerscope.addr_fanout.addr IS 'The address.';
COMMENT ON COLUMN peerscope.addr_fanout.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_fanout.announced_at IS 'nTime, with which it came and went.';
COMMENT ON COLUMN peerscope.addr_fanout.at IS 'Corrected time at which the node first received it.';
COMMENT ON COLUMN peerscope.addr_fanout.fanout IS 'Distinct peers it was sent to within 10 min of that.';
COMMENT ON COLUMN peerscope.addr_fanout.forward_delay_s IS 'Seconds from first received to first sent.';

CREATE TABLE peerscope.addr_degree (
    day       date NOT NULL,
    node_a    int NOT NULL,
    network   text NOT NULL,
    addr      text NOT NULL,
    port      int NOT NULL,
    node_b    int NOT NULL,
    sent      int NOT NULL,
    returned  int NOT NULL,
    p_lo      float8,
    p_hi      float8,
    PRIMARY KEY (day, node_a, network, addr, port, node_b)
);
COMMENT ON TABLE peerscope.addr_degree IS
    'What one node told a peer and another node then heard from it, by day.';
COMMENT ON COLUMN peerscope.addr_degree.day IS 'Day of the telling, UTC in corrected time.';
COMMENT ON COLUMN peerscope.addr_degree.node_a IS 'The node that told.';
COMMENT ON COLUMN peerscope.addr_degree.network IS 'Network on which the peer listens.';
COMMENT ON COLUMN peerscope.addr_degree.addr IS 'Address at which the peer listens.';
COMMENT ON COLUMN peerscope.addr_degree.port IS 'Port at which the peer listens.';
COMMENT ON COLUMN peerscope.addr_degree.node_b IS 'The node that listened.';
COMMENT ON COLUMN peerscope.addr_degree.sent IS 'IPv4 addresses that node_a was the first of the fleet to exchange with the peer on that day, by telling it.';
COMMENT ON COLUMN peerscope.addr_degree.returned IS 'Those that node_b then heard from the peer with the same nTime within 10 min.';
COMMENT ON COLUMN peerscope.addr_degree.p_lo IS 'Lower end of the 95 % Clopper-Pearson interval of returned / sent; NULL below 50 sent.';
COMMENT ON COLUMN peerscope.addr_degree.p_hi IS 'Upper end of it.';

-- A day that ANALYZE has not seen yet looks to the planner as if it had no row, so that comparing each with each
-- would cost nothing. Without statistics of these columns it takes a day for the 200th part of the table, and a span for
-- as much.
ALTER TABLE peerscope.addr_episode ALTER COLUMN day SET STATISTICS 0, ALTER COLUMN until_day SET STATISTICS 0;
ALTER TABLE peerscope.addr_arrival ALTER COLUMN day SET STATISTICS 0, ALTER COLUMN episode_at SET STATISTICS 0;
ALTER TABLE peerscope.addr_session_day ALTER COLUMN day SET STATISTICS 0, ALTER COLUMN opened_at SET STATISTICS 0;
ALTER TABLE peerscope.addr_self ALTER COLUMN at SET STATISTICS 0;
ALTER TABLE peerscope.addr_fanout ALTER COLUMN at SET STATISTICS 0;
ALTER TABLE peerscope.addr_degree ALTER COLUMN day SET STATISTICS 0;

-- The parts in their order: coverage reads episodes, degrees read sessions and announcements of peers themselves.
INSERT INTO peerscope.digest_part (part, ordinal, description) VALUES
    ('addresses_sessions', 20, 'addresses a session sent, by day (addr_session_day)'),
    ('addresses_propagation', 21, 'episodes of gossip and when they reached each node (addr_episode, addr_arrival)'),
    ('addresses_coverage', 22, 'share of the fleet that episodes reached (addr_coverage_day)'),
    ('addresses_unique', 23, 'distinct addresses (addr_unique_day)'),
    ('addresses_floods', 24, 'sessions that pour addresses (addr_flood)'),
    ('addresses_truth', 25, 'which addresses were gossiped and which are nodes (addr_known)'),
    ('addresses_self', 26, 'addresses that peers announce as their own (addr_self)'),
    ('addresses_fanout', 27, 'gossip sent on (addr_fanout)'),
    ('addresses_degree', 28, 'gossip that peers of two nodes carry from one to the other (addr_degree)');

INSERT INTO peerscope.retention (table_name, keep, note) VALUES
    ('addr_episode', '1 year', 'some 20 000 rows a day'),
    ('addr_arrival', '1 year', 'an episode at each node'),
    ('addr_coverage_day', NULL, 'some hundred rows a day'),
    ('addr_unique_day', NULL, 'some hundred rows a day'),
    ('addr_known', NULL, 'who was gossiped or connected to needs the whole past'),
    ('addr_session_day', '1 year', 'a row a session and day'),
    ('addr_flood', '1 year', NULL),
    ('addr_self', '90 days', 'a row a peer and day'),
    ('addr_fanout', '14 days', 'some 100 000 rows a node and day'),
    ('addr_degree', '1 year', 'a row a shared peer, pair of nodes and day');
