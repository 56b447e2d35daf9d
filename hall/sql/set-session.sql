set statement_timeout = 5000
