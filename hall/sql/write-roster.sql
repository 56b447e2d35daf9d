insert into ledger.roster (hall, revision, heartbeat)
values ($1, $2, $3::jsonb)
on conflict (only_row) do update
set hall = excluded.hall, revision = excluded.revision, heartbeat = excluded.heartbeat, stored_at = now()
