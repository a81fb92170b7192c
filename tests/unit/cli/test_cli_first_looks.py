"""What one types first: an account alone."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.conftest import Call


def test_why_of_an_account_alone_tells_of_every_playbook_in_a_line(project: Path, call: Call) -> None:
    assert project == Path.cwd()
    lines = call("why", "acc0").out.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["nobody", "watch", "welcome-all"]
    assert lines[1].split(maxsplit=1)[1] == "did not enter: enter not true"
    assert [found["playbook"] for found in json.loads(call("why", "acc0", "--format", "json").out)] == ["nobody", "watch", "welcome-all"]
    assert call("why", "nope").code == 2
