-- Whoever held the lock has ended: either the exchange was made, or the database of before is opened again.
SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = :'before') AS is_undone \gset
\if :is_undone
ALTER DATABASE :"name" ALLOW_CONNECTIONS true;
DROP DATABASE IF EXISTS :"scratch" WITH (FORCE);
\endif
