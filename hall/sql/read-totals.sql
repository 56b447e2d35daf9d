select terminal, state, milliseconds::text as milliseconds from ledger.terminal_state_total
