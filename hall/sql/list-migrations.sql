select number, name, sha256 from ledger.migration order by number
