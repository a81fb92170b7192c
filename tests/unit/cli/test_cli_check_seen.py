"""`check` holds conditions against what the last sync has seen."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.conftest import Call

METRICS = "logins: {count: '*', where: event = 'usd'}\nboth: {funnel: [used, usd]}\n"
PLAYBOOK = """\
playbook: typed
topic: tips
existing: skip
audience: account.plan = 'Team' and account.name = 'nobody'
enter: {event: usd}
goal: happened('usd')
steps:
  - {id: one, email: help}
"""


def test_names_of_events_and_values_that_never_were_are_warned_of(project: Path, call: Call) -> None:
    with (project / "playbooks/metrics.yaml").open("a", encoding="utf-8") as file:
        file.write(METRICS)
    (project / "playbooks/typed.yaml").write_text(PLAYBOOK, encoding="utf-8")
    said = call("check", "--format", "json")
    assert said.code == 0, said.out
    found = [(p["file"][10:], p["code"], p["mend"]) for p in json.loads(said.out) if p["code"].startswith("X22")]
    event, plan = ("X222", 'did you mean "used"?'), ("X223", 'did you mean "team"?')
    assert found == [("metrics.yaml", *event)] * 2 + [("typed.yaml", *plan)] + [("typed.yaml", *event)] * 2
    kept = (project / ".cs-engine/usage" / (project / ".cs-engine/usage/current").read_text() / "manifest.json").read_text(encoding="utf-8")
    assert json.loads(kept)["attributes"]["values"]["account.plan"] == ["team"]
    assert "customer.example" not in kept
    assert "Mx" not in kept
