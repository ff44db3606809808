-- The evidence first, in the new database: it takes its place and says so in the same instant.
\! psql -X -q -v ON_ERROR_STOP=1 -d "$scratch" -v operation="$operation" -v run="${BELAY_RUN:-}" -v schema_query="$schema_query" -f "$here/restore-evidence.sql"; echo $? >"$work/evidence"
\set evidence `cat "$work/evidence"`
SELECT 'yes' AS written WHERE :'evidence' = '0' \gset
-- What belongs to a database and is in no dump of it.
SELECT CASE s.setrole WHEN 0 THEN format('ALTER DATABASE %I', :'scratch')
    ELSE format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), :'scratch') END
  || format(' SET %I TO ', split_part(o, '=', 1))
  || CASE WHEN split_part(o, '=', 1) IN ('search_path', 'temp_tablespaces', 'local_preload_libraries',
    'session_preload_libraries') THEN substr(o, strpos(o, '=') + 1) ELSE quote_literal(substr(o, strpos(o, '=') + 1)) END
FROM pg_db_role_setting s, unnest(s.setconfig) o
WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = :'name') \gexec
REVOKE ALL ON DATABASE :"scratch" FROM PUBLIC;
SELECT format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, :'scratch',
  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
  CASE WHEN a.is_grantable AND a.grantee <> 0 THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
WHERE d.datname = :'name' AND a.grantee <> d.datdba \gexec
SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
WHERE datname IN (:'name', :'scratch') AND backend_type = 'client backend' \g /dev/null
-- Both names change or none; the database of before stays closed.
BEGIN;
ALTER DATABASE :"name" RENAME TO :"before";
ALTER DATABASE :"scratch" RENAME TO :"name";
COMMIT;
