"""cs-engine: playbooks in YAML, compiled to Prefect flows that bring customers to success."""
