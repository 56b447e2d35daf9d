insert into ledger.terminal (name, model, zone, seat, serial_number, suspended, suspend_reason, suspend_until, heartbeat)
select
  name, model, zone, seat, serial_number, suspended, suspend_reason,
  timestamptz 'epoch' + suspend_until_ms * interval '1 millisecond', heartbeat::jsonb
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[], $8::bigint[], $9::text[])
  as t (name, model, zone, seat, serial_number, suspended, suspend_reason, suspend_until_ms, heartbeat)
on conflict (name) do update
set model = excluded.model, zone = excluded.zone, seat = excluded.seat, serial_number = excluded.serial_number,
  suspended = excluded.suspended, suspend_reason = excluded.suspend_reason, suspend_until = excluded.suspend_until,
  heartbeat = excluded.heartbeat
