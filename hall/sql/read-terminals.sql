select
  name, model, zone, seat, serial_number, suspended, suspend_reason,
  (extract(epoch from suspend_until) * 1000)::bigint::text as suspend_until_ms,
  heartbeat
from ledger.terminal
order by name
