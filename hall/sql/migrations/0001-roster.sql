create table ledger.roster (
  only_row boolean primary key default true check (only_row),
  hall text not null,
  revision text not null,
  heartbeat jsonb not null,
  stored_at timestamptz not null default now()
)
