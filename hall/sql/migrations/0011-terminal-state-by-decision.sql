create index terminal_state_by_decision on ledger.terminal_state (decided_at, number)
