select
  (select number::text from ledger.feed) as number,
  (select max(epoch)::text from ledger.observer) as epoch,
  (select (extract(epoch from max(to_at)) * 1000)::bigint::text from ledger.observer) as observed_to_ms,
  (
    select (extract(epoch from greatest(at, decided_at)) * 1000)::bigint::text
    from ledger.terminal_state order by terminal_state.number desc limit 1
  ) as last_at_ms
