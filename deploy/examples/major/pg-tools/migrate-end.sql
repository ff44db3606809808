-- The schema and the word that it is done become visible in the same instant.
SELECT (:schema_query)::text = :'to_schema' AS belay_arrived \gset
\if :transactional
SELECT pg_current_xact_id()::text <> :'belay_transaction' AS belay_ended_early \gset
\if :belay_ended_early
\warn the migration ended its transaction itself: part of it may stand
UPDATE belay.operations SET transactional = false WHERE operation = :'operation';
\set belay_arrived f
\endif
\endif
\if :belay_arrived
UPDATE belay.operations SET done_at = clock_timestamp() WHERE operation = :'operation';
\if :transactional
COMMIT;
\endif
\else
\warn the migration left the schema at another version
\if :transactional
ROLLBACK;
\endif
\endif
