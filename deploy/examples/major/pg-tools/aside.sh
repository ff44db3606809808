#!/bin/sh
# Fills $scratch from the backup in $folder and compares it with what was noted when the backup was made.
set -eu
ask() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$scratch" "$@"; }
pg_restore --exit-on-error --dbname="$scratch" "$folder/dump"
ask -f "$here/counts.sql" >"$work/counts"
cmp "$work/counts" "$folder/counts"
ask -c "$schema_query" >"$work/schema"
cmp "$work/schema" "$folder/schema"
for check in "${BELAY_CHECKS:-/checks}"/*.sql; do
  [ ! -f "$check" ] || ask -f "$check"
done
