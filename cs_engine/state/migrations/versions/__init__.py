"""One file a migration, in order; never edited once released."""
