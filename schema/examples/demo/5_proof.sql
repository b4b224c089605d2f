-- Is every event that the kernel saw stored, counted or declared lost?
SELECT count(*) AS streams, sum(hits) AS seen_by_kernel, sum(stored) AS stored, sum(counted) AS counted,
       sum(declared_lost) AS declared_lost, round(sum(blind_s)::numeric, 3) AS blind_s, sum(unexplained) AS unexplained
  FROM stream_audit
