select
  number::text as number, terminal, from_state, to_state,
  (extract(epoch from at) * 1000)::bigint::text as at_ms,
  (extract(epoch from decided_at) * 1000)::bigint::text as decided_at_ms,
  why, epoch::text as epoch
from ledger.terminal_state
where number >= greatest(
    $1::bigint,
    case when $3::bigint is not null then coalesce(
      (
        select earlier.number from ledger.terminal_state as earlier
        where earlier.decided_at >= timestamptz 'epoch' + $3::bigint * interval '1 millisecond'
        order by earlier.decided_at, earlier.number limit 1
      ),
      9223372036854775807
    ) end
  )
  and (cardinality($2::text[]) = 0 or terminal = any ($2::text[]))
  and ($3::bigint is null or at >= timestamptz 'epoch' + $3::bigint * interval '1 millisecond')
  and ($4::bigint is null or at < timestamptz 'epoch' + $4::bigint * interval '1 millisecond')
order by terminal_state.number
limit $5::integer
