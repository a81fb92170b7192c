"""Usage as facts: the metrics catalogue and the set-wise SQL made of it. Text only, nothing is executed here."""
