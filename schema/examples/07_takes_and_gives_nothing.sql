-- Who takes our announcements of transactions and gives nothing: asks for none, sends none, and stays?
--
-- A candidate, not an attacker: a wallet that has nothing to send looks the same. What makes it interesting is that the
-- same group does so at many nodes.
SELECT node, user_agent, inv_out AS announced_to_it, getdata_in AS asked_for, tx_in AS gave,
       round(extract(epoch FROM coalesce(closed_at, last_ts) - opened_at)::numeric) AS seconds
  FROM peerscope.peer_session
  JOIN (SELECT node_id, name AS node FROM peerscope.node) n USING (node_id)
 WHERE inbound AND inv_out > 0 AND getdata_in = 0 AND tx_in = 0 AND inv_in = 0
 ORDER BY inv_out DESC, node, user_agent;

-- Result on the capture that `make demo` plays:
--  node |    user_agent    | announced_to_it | asked_for | gave | seconds
-- ------+------------------+-----------------+-----------+------+---------
--  n2   | /Satoshi:27.0.0/ |               9 |         0 |    0 |      32
--  n3   | /Satoshi:27.0.0/ |               9 |         0 |    0 |      32
--  n2   | /flood:0.1/      |               7 |         0 |    0 |      32
--  n3   | /unknown/        |               2 |         0 |    0 |      30
--  n5   | /Satoshi:27.0.0/ |               1 |         0 |    0 |      32
