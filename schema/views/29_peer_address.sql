-- What Core prints as a peer's address, in the parts that address entries have.

CREATE OR REPLACE FUNCTION peerscope.peer_address(printed text, OUT network text, OUT host text, OUT port int)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN p.part[1] LIKE '[fc%' THEN 'cjdns'
                WHEN p.part[1] LIKE '[%' THEN 'ipv6'
                WHEN p.part[1] LIKE '%.onion' THEN 'onion'
                WHEN p.part[1] LIKE '%.i2p' THEN 'i2p'
                WHEN p.part[1] IS NOT NULL THEN 'ipv4' END,
           btrim(p.part[1], '[]'), p.part[2]::int
      FROM (SELECT regexp_match(printed, '^(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]|[a-z2-7]{56}\.onion|[a-z2-7]{52}\.b32\.i2p):(\d{1,5})$')
                AS part) p
    $$;
COMMENT ON FUNCTION peerscope.peer_address(text) IS
    'Network, host and port of an address as Core prints it: 1.2.3.4:8333, [2001:db8::1]:8333, ….onion:8333, ….b32.i2p:0. All NULL for a name that a user gave.';
