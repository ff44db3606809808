-- The backup in a database of its own, made as the one it came from.
DROP DATABASE IF EXISTS :"scratch" WITH (FORCE);
SELECT format('CREATE DATABASE %I TEMPLATE template0 OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L', :'scratch',
  pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype)
  || CASE to_jsonb(d) ->> 'datlocprovider' WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L',
    coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale')) ELSE '' END
FROM pg_database d WHERE d.datname = :'name' \gexec
REVOKE CONNECT ON DATABASE :"scratch" FROM PUBLIC;
\! sh "$here/aside.sh"; echo $? >"$work/aside"
\set aside `cat "$work/aside"`
SELECT :'aside' = '0' AS is_whole \gset
\if :is_whole
\else
\warn what was restored is not what was backed up
SELECT 1 AS whole WHERE false \gset
\endif
