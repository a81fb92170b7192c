"""Each playbook's flow as an attribute: `onboarding-self-serve` is `flows/playbooks.py:onboarding_self_serve`."""

from cs_engine.prefect_flows import playbook_flows

globals().update(playbook_flows())
