select
  pg_catalog.pg_is_in_recovery() as in_recovery,
  current_setting('synchronous_commit') as synchronous_commit
