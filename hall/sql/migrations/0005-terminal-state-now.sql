create table ledger.terminal_state_now (
  terminal text primary key,
  state text not null,
  since timestamptz not null,
  why text not null,
  hangs bigint not null check (hangs >= 0)
)
