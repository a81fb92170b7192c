"""Where usage comes from, and the evaluation of facts over it (DuckDB)."""
