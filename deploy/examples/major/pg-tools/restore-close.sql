-- Another pod may have come first while this one waited. \gset fails then, and with it the script.
SELECT 'no' AS replaced WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'before') \gset
-- From here on nobody is told that a write was kept which is about to go.
ALTER DATABASE :"name" ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
WHERE datname = :'name' AND backend_type = 'client backend' \g /dev/null
