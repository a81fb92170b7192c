"""The shipped project over days of its sample: PostgreSQL and SQLite end in the same rows and the same files."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cs_engine.channels.mailbox import mails
from cs_engine.instants import moments
from cs_engine.run.tick import run_tick
from cs_engine.settings import Settings
from cs_engine.wiring import assemble

REPOSITORY = Path(__file__).parents[2]
START = datetime(2012, 8, 13, 17, tzinfo=UTC)


def played(root: Path, url: str) -> dict[str, Any]:
    """What five days leave behind in a fresh copy of the project, on that database."""
    for part in ("playbooks", "templates", "data/contributions"):
        shutil.copytree(REPOSITORY / part, root / part)
    days = moments(START, START + timedelta(days=4), timedelta(days=1))
    with assemble(Settings(cs_engine_project=root, cs_engine_database_url=url)) as assembled:
        assembled.refresh()
        reports = [run_tick(assembled.engine, now, horizon=later) for now, later in zip(days, [*days[1:], None], strict=True)]
        store = assembled.engine.store
        return {
            "reports": [report.as_json() for report in reports],
            "counts": store.counts(),
            "inside": sorted(store.occupied()),
            "milestones": {name: sorted(accounts) for name, (accounts, _) in store.milestones().items()},
            "mailbox": sorted((mail.id, mail.to, mail.subject) for mail in mails(root)),
        }


def test_the_shipped_project_does_the_same_on_both_databases(tmp_path: Path, empty_postgres: str) -> None:
    embedded = played(tmp_path / "sqlite", "sqlite:///.cs-engine/state.db")
    assert played(tmp_path / "postgres", empty_postgres) == embedded
    assert embedded["counts"].accepted > 50
    assert len(embedded["mailbox"]) == embedded["counts"].accepted
