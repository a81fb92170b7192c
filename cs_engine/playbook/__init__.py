"""Playbooks: model, checks, and the frozen plan that is run, explained and drawn."""
