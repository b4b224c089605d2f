-- How long a message may have waited for its thread: behind the validation under way, those before it, and the removals from
-- the mempool that end one; but not behind another thread's, nor behind what ended long before.
\ir lib/blocks.sql

SELECT scenario.node('busy');

-- A validation whose removals go on for two seconds after block_connected.
CREATE FUNCTION scenario.removals(block text, until text, thread int DEFAULT 1) RETURNS void
LANGUAGE sql AS $$
  UPDATE peerscope.validation_window SET last_removal_ts = scenario.clock('busy', until), removed = 1, tid = thread
   WHERE hash = scenario.hash(block)
$$;

-- One that ends 3 s before, and one that ended an instant before the hour began.
SELECT scenario.connect('busy', '10:59:00', 'early', 96, 100);
SELECT scenario.connect('busy', '11:59:57', 'before', 97, 1000);
-- From 12:00:00 to :01, its removals until :03.
SELECT scenario.connect('busy', '12:00:01', 'long', 98, 1000);
SELECT scenario.removals('long', '12:00:03');
-- Three short ones, one behind the other, of another thread.
SELECT scenario.connect('busy', '12:00:04.910', 'x', 99, 10);
SELECT scenario.connect('busy', '12:00:04.920', 'y', 100, 10);
SELECT scenario.connect('busy', '12:00:04.930', 'z', 101, 10);
UPDATE peerscope.validation_window SET tid = 2 WHERE hash IN (scenario.hash('x'), scenario.hash('y'), scenario.hash('z'));

-- What is named when; the thread is 1 unless another is told.
SELECT scenario.message('busy', '12:00:02.500', 'during', 'cmpctblock', 1, true);
SELECT scenario.message('busy', '12:00:03.100', 'just after', 'cmpctblock', 1, true);
SELECT scenario.message('busy', '12:00:03.101', 'later', 'cmpctblock', 1, true);
SELECT scenario.message('busy', '12:00:05.000', 'not its thread', 'cmpctblock', 1, true);
SELECT scenario.message('busy', '12:00:05.001', 'its thread', 'cmpctblock', 1, true);
SELECT scenario.message('busy', '12:00:05.002', 'any thread', 'cmpctblock', 1, true);
SELECT scenario.message('busy', '12:00:05.031', 'too late', 'cmpctblock', 1, true);
UPDATE peerscope.block_announcement SET tid = 2 WHERE hash IN (scenario.hash('its thread'), scenario.hash('too late'));
UPDATE peerscope.block_announcement SET tid = 0 WHERE hash = scenario.hash('any thread');
SELECT scenario.commit();

SELECT scenario.expect('a message may have waited since the earliest validation that ended less than 100 ms before',
  $$ SELECT scenario.name_of(hash) AS block, round(s0_queue_ms::numeric, 3) AS s0, round(s2_queue_ms::numeric, 3) AS s2
       FROM peerscope.block_arrival WHERE s0_ts IS NOT NULL ORDER BY s0_ts $$,
  $$
  during|2500.000|2500.000
  just after|3100.000|3100.000
  later|∅|∅
  not its thread|∅|∅
  its thread|101.000|101.000
  any thread|102.000|102.000
  too late|∅|∅
  $$);

-- A thread that is not known may be any.
UPDATE peerscope.validation_window SET tid = 0 WHERE tid = 2;
SELECT scenario.commit();
SELECT scenario.expect('and behind a validation whose thread is not known',
  $$ SELECT scenario.name_of(hash) AS block, round(s0_queue_ms::numeric, 3) AS s0
       FROM peerscope.block_arrival WHERE s0_ts >= scenario.clock('busy', '12:00:05') ORDER BY s0_ts $$,
  $$
  not its thread|100.000
  its thread|101.000
  any thread|102.000
  too late|∅
  $$);
