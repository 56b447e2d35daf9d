create index terminal_state_by_terminal on ledger.terminal_state (terminal, number)
