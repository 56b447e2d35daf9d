delete from ledger.terminal_state_now where terminal = any ($1::text[])
