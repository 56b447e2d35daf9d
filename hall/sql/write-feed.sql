update ledger.feed set number = greatest(number, $1::bigint)
