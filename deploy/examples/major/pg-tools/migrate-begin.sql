-- One at a time; the row is there, for everybody to see, before anything is changed.
SET lock_timeout = :'lock_timeout';
SELECT pg_advisory_lock(422608396665) \g /dev/null
RESET lock_timeout;
\ir log-table.sql
-- Nothing to insert: another pod was first, or the schema is not what it was. \gset fails then, and with it the script.
INSERT INTO belay.operations (operation, verb, run, from_schema, to_schema, transactional)
SELECT :'operation', 'migrate', :'run', :'from_schema', :'to_schema', :'transactional'
WHERE (:schema_query)::text = :'from_schema'
ON CONFLICT DO NOTHING
RETURNING operation AS belay_operation \gset
