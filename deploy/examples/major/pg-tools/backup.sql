-- The dump, the counts and the version are of one instant, whatever is written meanwhile.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv BELAY_SNAPSHOT :snapshot
\o :partial/schema
SELECT (:schema_query)::text;
\o :partial/counts
\ir counts.sql
\o
\! pg_dump --format=custom --snapshot="$BELAY_SNAPSHOT" --file="$partial/dump" --dbname="$BELAY_DB_NAME"; echo $? >"$partial/status"
COMMIT;
