"""Prefect entry points, thin: what `prefect.yaml` names."""
