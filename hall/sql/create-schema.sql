create schema ledger
