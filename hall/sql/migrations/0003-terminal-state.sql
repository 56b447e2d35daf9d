create table ledger.terminal_state (
  number bigint primary key,
  terminal text not null,
  from_state text not null,
  to_state text not null,
  at timestamptz not null,
  decided_at timestamptz not null,
  why text not null,
  epoch bigint not null,
  member text not null
)
