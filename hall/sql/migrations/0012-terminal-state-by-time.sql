create index terminal_state_by_time on ledger.terminal_state (at)
