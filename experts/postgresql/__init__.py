"""Django's backend for PostgreSQL, made to fail soon and to say so (docs/operations.md, "Connections")."""
