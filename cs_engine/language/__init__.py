"""The language authors write: YAML with places, problems with mends, and SQL conditions."""
