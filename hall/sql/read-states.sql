select terminal, state, (extract(epoch from since) * 1000)::bigint::text as since_ms, why, hangs::text as hangs
from ledger.terminal_state_now
