-- Which peers are nodes of the fleet.
DROP VIEW IF EXISTS peerscope.fleet_link CASCADE;
CREATE VIEW peerscope.fleet_link AS
SELECT from_node_id AS node_id, from_run_id AS run_id, from_peer_id AS peer_id,
       to_node_id AS other_node_id, to_run_id AS other_run_id, to_peer_id AS other_peer_id
  FROM peerscope.clock_audit_sample
UNION
SELECT to_node_id, to_run_id, to_peer_id, from_node_id, from_run_id, from_peer_id
  FROM peerscope.clock_audit_sample;

COMMENT ON VIEW peerscope.fleet_link IS
    'Sessions between two nodes of the fleet, known by a ping that was seen at both ends; each appears once from either side.';
COMMENT ON COLUMN peerscope.fleet_link.node_id IS 'A node.';
COMMENT ON COLUMN peerscope.fleet_link.run_id IS 'Its process.';
COMMENT ON COLUMN peerscope.fleet_link.peer_id IS 'The other node as its peer.';
COMMENT ON COLUMN peerscope.fleet_link.other_node_id IS 'The other node.';
COMMENT ON COLUMN peerscope.fleet_link.other_run_id IS 'Its process.';
COMMENT ON COLUMN peerscope.fleet_link.other_peer_id IS 'This node as its peer.';
