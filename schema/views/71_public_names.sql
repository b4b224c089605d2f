-- What nodes are called in public views.
DROP VIEW IF EXISTS peerscope.public_node CASCADE;
CREATE VIEW peerscope.public_node AS
SELECT n.node_id, k.release,
       'node-' || left(encode(peerscope.hmac_sha256(k.inner_pad, k.outer_pad, int4send(n.node_id)), 'hex'), 8) AS name
  FROM peerscope.node n
  JOIN peerscope.public_key k ON k.scope = 'node' AND k.release = (SELECT max(release) FROM peerscope.public_release);
COMMENT ON VIEW peerscope.public_node IS
    'Names of nodes in the newest release of public views. Not public itself.';
COMMENT ON COLUMN peerscope.public_node.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.public_node.release IS 'The release.';
COMMENT ON COLUMN peerscope.public_node.name IS 'Its name there; another one in each release.';

-- Days that public views may show now.
DROP VIEW IF EXISTS peerscope.public_days CASCADE;
CREATE VIEW peerscope.public_days AS
SELECT day FROM peerscope.public_day WHERE day < (now() AT TIME ZONE 'UTC')::date - 1;
COMMENT ON VIEW peerscope.public_days IS
    'Days that were published and ended at least a day ago.';
COMMENT ON COLUMN peerscope.public_days.day IS 'The day, UTC.';
