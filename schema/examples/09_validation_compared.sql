-- Is one build faster at validating than another? The same blocks, compared height by height.
--
-- base and candidate are nodes, or user agents. The 95 % interval comes from resampling runs of 144 blocks (a day); with
-- two runs, as here, it says nothing yet, and blocks of regtest are all but empty.
SELECT blocks, round(base_s::numeric, 4) AS base_s, round(candidate_s::numeric, 4) AS candidate_s,
       round(ratio::numeric, 3) AS ratio, round(ratio_lo::numeric, 3) AS ratio_lo,
       round(ratio_hi::numeric, 3) AS ratio_hi, runs
  FROM peerscope.block_validation_comparison('n2', 'n3', 1, 150);

-- Result on the capture that `make demo` plays:
--  blocks | base_s | candidate_s | ratio | ratio_lo | ratio_hi | runs
-- --------+--------+-------------+-------+----------+----------+------
--     151 | 0.0612 |      0.0378 | 0.617 |    0.508 |    0.901 |    2
