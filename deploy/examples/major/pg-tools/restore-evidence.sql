\ir log-table.sql
INSERT INTO belay.operations (operation, verb, run, from_schema, to_schema, transactional, done_at)
SELECT :'operation', 'restore', :'run', '', (:schema_query)::text, true, clock_timestamp()
RETURNING operation AS belay_operation \gset
