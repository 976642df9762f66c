"""`make run` on a laptop and in tests: embedded PostgreSQL and Valkey, processes, the mailbox. Not for production."""
