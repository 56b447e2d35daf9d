insert into ledger.feed (number) values (0)
