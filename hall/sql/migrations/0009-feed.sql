create table ledger.feed (
  only_row boolean primary key default true check (only_row),
  number bigint not null check (number >= 0)
)
