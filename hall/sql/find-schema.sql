select count(*)::integer as found from pg_catalog.pg_namespace where nspname = 'ledger'
