create table ledger.terminal_state_total (
  terminal text not null,
  state text not null,
  milliseconds bigint not null check (milliseconds >= 0),
  primary key (terminal, state)
)
