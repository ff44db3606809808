-- Evidence of what was done to this database. It lives inside it: a dump carries it, a restore takes it back.
CREATE SCHEMA IF NOT EXISTS belay;
CREATE TABLE IF NOT EXISTS belay.operations (
  operation text PRIMARY KEY,
  verb text NOT NULL,
  run text NOT NULL,
  from_schema text NOT NULL,
  to_schema text NOT NULL,
  transactional boolean NOT NULL,
  begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  done_at timestamptz
);
