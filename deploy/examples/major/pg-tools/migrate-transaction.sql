BEGIN;
SELECT pg_current_xact_id()::text AS belay_transaction \gset
