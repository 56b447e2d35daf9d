insert into ledger.terminal_state_total (terminal, state, milliseconds)
select terminal, state, milliseconds
from unnest($1::text[], $2::text[], $3::bigint[]) as t (terminal, state, milliseconds)
on conflict (terminal, state) do update
set milliseconds = greatest(terminal_state_total.milliseconds, excluded.milliseconds)
