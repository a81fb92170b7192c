"""A CSM whom the accounts name and team.yaml does not is said, not served in silence."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.unit.cli.conftest import Call


def test_a_csm_who_is_not_in_the_team_is_counted_and_named_by_check_alone(project: Path, call: Call) -> None:
    assert "P217" not in call("check").out
    accounts = project / "data/accounts.csv"
    text = accounts.read_text(encoding="utf-8")
    accounts.write_text(text.replace("alex@vendor.example", "gone@vendor.example", 2).replace("alex@", "ALEX@"), encoding="utf-8")
    assert call("sync").code == 0
    (said,) = [p for p in json.loads(call("check", "--format", "json").out) if p["code"] == "P217"]
    assert (said["file"], said["level"]) == ("playbooks/team.yaml", "warning")
    assert said["message"] == "2 accounts have a CSM who is not in team.yaml"
    assert "gone@vendor.example;" in said["mend"]
    doctor = call("doctor", "--format", "json")
    (found,) = [f for f in json.loads(doctor.out) if f["what"] == "team"]
    assert (found["state"], doctor.code) == ("warning", 0)
    assert "gone@" not in doctor.out


def test_a_time_zone_and_a_language_that_are_none_are_named_by_check(project: Path, call: Call) -> None:
    """By it mail would go at night, and nobody would know why."""
    assert "P218" not in call("check").out
    contacts = project / "data/contacts.csv"
    with contacts.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, zone in zip(rows, ("JST", "JST", "Asia/Tokyo"), strict=False):
        row["timezone"] = zone
    rows[0]["locale"] = "jp"
    with contacts.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert call("sync").code == 0
    found = json.loads(call("check", "--format", "json").out)
    assert [p["mend"] for p in found if p["code"] == "P213"] == ["jp is a country: write ja, at their source"]
    (said,) = [p for p in found if p["code"] == "P218"]
    assert (said["file"], said["level"]) == ("playbooks/project.yaml", "warning")
    assert said["message"] == "2 accounts or contacts have a time zone that there is not"
    assert "instead of JST;" in said["mend"]
