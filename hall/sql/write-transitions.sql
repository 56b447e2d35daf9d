insert into ledger.terminal_state (number, terminal, from_state, to_state, at, decided_at, why, epoch, member)
select
  number, terminal, from_state, to_state,
  timestamptz 'epoch' + at_ms * interval '1 millisecond',
  timestamptz 'epoch' + decided_at_ms * interval '1 millisecond',
  why, $8::bigint, $9::text
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[])
  as t (number, terminal, from_state, to_state, at_ms, decided_at_ms, why)
on conflict (number) do nothing
