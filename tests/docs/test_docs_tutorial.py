"""The tutorial works as it stands: every file, edit and command of it, in order, in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import ROOT
from tests.docs.session import Session, differences


@pytest.mark.e2e
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    here, home = tmp_path / "here", tmp_path / "prefect"
    here.mkdir()
    wrong = list(differences(Session(here, home), ROOT / "docs/tutorial.md"))
    assert not wrong, "\n\n".join(wrong)
