create table ledger.terminal (
  name text primary key,
  model text not null,
  zone text not null,
  seat text not null,
  serial_number text not null,
  suspended boolean not null,
  suspend_reason text not null,
  suspend_until timestamptz,
  heartbeat jsonb not null
)
