create index observer_by_end on ledger.observer (to_at)
