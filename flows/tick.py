"""The flow `tick`: all due playbooks, one facts query."""

from cs_engine.prefect_flows import tick

__all__ = ["tick"]
