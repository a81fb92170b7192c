"""Our tables, on SQLite or PostgreSQL."""
