insert into ledger.terminal_state_now (terminal, state, since, why, hangs)
select terminal, state, timestamptz 'epoch' + since_ms * interval '1 millisecond', why, hangs
from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[]) as t (terminal, state, since_ms, why, hangs)
on conflict (terminal) do update
set state = excluded.state, since = excluded.since, why = excluded.why,
  hangs = greatest(terminal_state_now.hangs, excluded.hangs)
