insert into ledger.observer (epoch, from_at, to_at, member)
values (
  $1::bigint,
  timestamptz 'epoch' + $2::bigint * interval '1 millisecond',
  timestamptz 'epoch' + $3::bigint * interval '1 millisecond',
  $4
)
on conflict (epoch, from_at) do update set to_at = greatest(observer.to_at, excluded.to_at)
