delete from ledger.terminal where name = any ($1::text[])
