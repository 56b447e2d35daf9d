create table ledger.observer (
  epoch bigint not null,
  from_at timestamptz not null,
  to_at timestamptz not null,
  member text not null,
  primary key (epoch, from_at),
  check (to_at >= from_at)
)
