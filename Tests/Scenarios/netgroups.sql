-- Network groups as Core makes them: its own vectors (netbase_tests.cpp, netbase_getgroup), with ports and without.
SELECT scenario.expect('addresses fall into Core''s groups',
  $$ SELECT endpoint, peerscope.netgroup(endpoint) AS netgroup
       FROM unnest(ARRAY['1.2.3.4', '1.2.3.4:8333', '[::ffff:1.2.3.4]:8333', '64:ff9b::102:304', '2002:102:304:9999:9999:9999:9999:9999',
                         '2001:0:9999:9999:9999:9999:fefd:fcfb', '2001:470:abcd:9999:9999:9999:9999:9999',
                         '[2001:2001:9999:9999:9999:9999:9999:9999]:8333', 'fcab:1::1', '127.0.0.1', '::1', '10.0.0.1:8333', '172.31.255.255',
                         '203.0.113.1', 'fe80::1', 'fd00::1', '2001:db8::1', '2001:20::1', 'a name', 'seed.example.org:8333'])
            WITH ORDINALITY AS e (endpoint, place) ORDER BY place $$,
  $$
  1.2.3.4|1.2.0.0/16
  1.2.3.4:8333|1.2.0.0/16
  [::ffff:1.2.3.4]:8333|1.2.0.0/16
  64:ff9b::102:304|1.2.0.0/16
  2002:102:304:9999:9999:9999:9999:9999|1.2.0.0/16
  2001:0:9999:9999:9999:9999:fefd:fcfb|1.2.0.0/16
  2001:470:abcd:9999:9999:9999:9999:9999|2001:470:a000::/36
  [2001:2001:9999:9999:9999:9999:9999:9999]:8333|2001:2001::/32
  fcab:1::1|fca0::/12
  127.0.0.1|unroutable
  ::1|unroutable
  10.0.0.1:8333|unroutable
  172.31.255.255|unroutable
  203.0.113.1|unroutable
  fe80::1|unroutable
  fd00::1|unroutable
  2001:db8::1|unroutable
  2001:20::1|unroutable
  a name|∅
  seed.example.org:8333|∅
  $$);
