select hall, revision, heartbeat from ledger.roster
