-- In the maintenance database, for as long as this session lasts; nothing is done twice at once under one name.
SET lock_timeout = :'lock_timeout';
SELECT pg_advisory_lock(hashtextextended('belay ' || :'lock_name', 0)) \g /dev/null
RESET lock_timeout;
