-- How a scenario states what it expects.
--
-- A scenario is a file of SQL that a test runs in a fresh database after all migrations and views, with this
-- file before it and `psql -v ON_ERROR_STOP=1`. It inserts rows into the per-node tables as the writers would,
-- calls peerscope.digest() and then states, sentence by sentence, what the views have to say:
--
--     SELECT scenario.expect('the slow node is 500 ms behind',
--       $$ SELECT node, skew_ms FROM peerscope.block_arrival_skew WHERE stage = 'connected' ORDER BY node $$,
--       $$
--       fast|0
--       slow|500
--       $$);
--
-- A difference is an error that shows both sides, so that psql stops with a status other than 0.

CREATE SCHEMA scenario;

-- Text forms must not depend on who runs the scenario.
SET timezone = 'UTC';
SET extra_float_digits = 1;
-- Nor on a schema that has the name of its role.
SET search_path = public;

CREATE FUNCTION scenario.answer(query text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  found record;
  line text;
  lines text[] := '{}';
BEGIN
  FOR found IN EXECUTE query LOOP
    -- json, not jsonb: it keeps the columns' order, and two columns of one name. Spelt as JSON spells them:
    -- true and false, 2026-07-01T12:00:00+00:00, [1,2] for arrays; cast in the query where another form is meant.
    SELECT string_agg(coalesce(field.value, '∅'), '|' ORDER BY field.ordinality)
      INTO line
      FROM json_each_text(row_to_json(found)) WITH ORDINALITY AS field(key, value, ordinality);
    lines := lines || line;
  END LOOP;
  RETURN array_to_string(lines, E'\n');
END $$;

COMMENT ON FUNCTION scenario.answer(text) IS
'The rows of a query as text, in the order the query gives them: a row a line, columns separated by |, NULL as ∅.';

CREATE FUNCTION scenario.expect(sentence text, query text, expected text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  answer text := scenario.answer(query);
  -- White space around a line is how the scenario is laid out, not what it expects; empty lines as well.
  wanted text := (
    SELECT coalesce(string_agg(trimmed, E'\n' ORDER BY number), '')
      FROM (SELECT btrim(line, E' \t\r') AS trimmed, number
              FROM regexp_split_to_table(expected, E'\n') WITH ORDINALITY AS split(line, number)) AS trimmed_lines
     WHERE trimmed <> '');
BEGIN
  IF answer IS DISTINCT FROM wanted THEN
    RAISE EXCEPTION 'scenario: not so: %', sentence
      USING DETAIL = format(E'expected:\n%s\nfound:\n%s', coalesce(nullif(wanted, ''), '(no row)'),
                            coalesce(nullif(answer, ''), '(no row)')),
            HINT = format('The query was: %s', btrim(query, E' \n'));
  END IF;
  RETURN 'as expected: ' || sentence;
END $$;

COMMENT ON FUNCTION scenario.expect(text, text, text) IS
'Fails with both texts unless the query answers exactly `expected` (see scenario.answer; the layout around lines is ignored; an empty text expects no row). Returns the sentence, so that psql shows what was found true.';
