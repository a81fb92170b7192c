"""`export` says all that is held about a person, `erase` takes it out and asks SendGrid too, `unsuppress` lets mail go again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.doubles.http import Answer
from tests.doubles.sendgrid import API_KEY, SendgridDouble
from tests.unit.cli.conftest import Call
from tests.unit.cli.test_cli_suppress import mailed

ADDRESS, ID = "con0@customer.example", "con0"


def test_an_export_goes_to_standard_output_or_to_a_file_for_you_alone(project: Path, call: Call) -> None:
    said = json.loads(call("export", ADDRESS).out)
    assert [row["email"] for row in said["held"]["contacts"]] == [ADDRESS]
    told = call("export", ID, "-o", "con0.json")
    assert "contacts 1" in told.out
    assert json.loads(Path("con0.json").read_text(encoding="utf-8")) == said
    assert Path("con0.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("person", ["nobody", "nobody@customer.example"])
def test_who_is_not_known_is_said_to_be_so(project: Path, call: Call, person: str) -> None:
    said = call("export", person)
    assert (said.code, "nothing is held" in said.err) == (2, True)


def test_erasing_asks_first(project: Path, call: Call) -> None:
    said = call("erase", ADDRESS)
    assert (said.code, "say --yes" in said.err) == (2, True)
    assert ADDRESS in call("export", ADDRESS).out
    assert call("erase", "nobody", "--yes").code == 2


def test_who_is_erased_is_not_mailed_and_not_found_again(project: Path, call: Call) -> None:
    said = call("erase", ADDRESS, "--yes")
    assert said.code == 0
    assert "Contacts: 1. Messages whose texts went: 1;" in said.out
    assert "Files of the mailbox: 1." in said.out
    assert "It is yours to erase" in said.out
    assert ADDRESS not in mailed(project, call, 2)
    assert ADDRESS not in call("export", ID).out
    assert "Contacts: 1." in call("erase", ID, "--yes").out, "again does no harm"


def test_a_stranger_is_never_mailed_once_they_are_erased(project: Path, call: Call) -> None:
    assert call("erase", "stranger@elsewhere.example", "--yes").code == 0
    assert "suppressed already" in call("suppress", "stranger@elsewhere.example").out


def test_a_suppression_is_taken_back(project: Path, call: Call) -> None:
    assert "was not suppressed" in call("unsuppress", ADDRESS).out
    call("suppress", ADDRESS, "--reason", "mistaken")
    assert ": mistaken." in call("unsuppress", f" {ADDRESS.upper()}").out
    assert ADDRESS in mailed(project, call, 2)
    assert call("unsuppress", "no address").code == 2


def test_sendgrid_is_asked_to_erase_too_and_can_be_asked_again(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with SendgridDouble() as double:
        for name, value in {"CS_ENGINE_EMAIL": "sendgrid", "SENDGRID_API_KEY": API_KEY, "SENDGRID_BASE_URL": double.base_url}.items():
            monkeypatch.setenv(name, value)
        double.on_request(1, Answer(500))
        said = call("erase", ADDRESS, "--yes")
        assert (said.code, "SendGrid did not take the erasure (500)" in said.err, ADDRESS in said.err) == (1, True, False)
        assert "the same command again" in said.err
        again = call("erase", ADDRESS, "--yes")
        assert (again.code, "job job-1" in again.out) == (0, True)
        assert (double.problems, double.erased) == ([], [ADDRESS])
