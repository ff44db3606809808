-- What became of an operation: schema version|none, begun, running or done|whether in one transaction|schema before.
-- mode=wait: only once nobody works on the schema. mode=try: at once, and "running" when somebody does.
\set state none
\set in_transaction f
\set before_it ''
SELECT :'mode' = 'wait' AS is_waiting \gset
\if :is_waiting
SET lock_timeout = :'lock_timeout';
SELECT pg_advisory_lock(422608396665) \g /dev/null
RESET lock_timeout;
\set is_held f
\else
SELECT NOT pg_try_advisory_lock(422608396665) AS is_held \gset
\endif
SELECT to_regclass('belay.operations') IS NOT NULL AS has_log \gset
\if :has_log
SELECT coalesce(max(CASE WHEN done_at IS NOT NULL THEN 'done' WHEN :'is_held' THEN 'running' ELSE 'begun' END), 'none') AS state,
  coalesce(bool_and(transactional), false) AS in_transaction, coalesce(max(from_schema), '') AS before_it
FROM belay.operations WHERE operation = :'operation' \gset
\endif
SELECT concat_ws('|', coalesce((:schema_query)::text, ''), :'state', :'in_transaction', :'before_it');
