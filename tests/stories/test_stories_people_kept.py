"""Accounts and contacts follow the usage that they were read with, whoever read it."""

from __future__ import annotations

import shutil

from cs_engine.run.sync import refresh, sync
from cs_engine.settings import Settings
from cs_engine.wiring import assemble, scratch
from tests.stories.world import World


def test_a_dry_run_that_reads_the_sources_first_does_not_keep_the_people_from_the_real_store(world: World) -> None:
    assert world.customer().engine.store.people_from() != ""  # as written to disk
    world.close()
    shutil.rmtree(world.root / ".cs-engine")
    settings = Settings(cs_engine_project=world.root)
    with scratch(settings) as dry:
        assert [report.kept for report in dry.refresh()][:2] == [1, 1]
    with assemble(settings) as real:
        assert not real.usage.stale()
        assert real.engine.store.people_from() == ""
        assert refresh(real.engine) == []
        assert real.engine.store.people_from() == real.usage.set_name()


def test_a_state_that_begins_anew_gets_the_people_of_the_usage_that_is_there(world: World) -> None:
    world.customer().playbook("hello", "\n    - {id: a, email: one}\n", existing="include")
    settings = Settings(cs_engine_project=world.root)
    with assemble(settings) as assembled:
        sync(assembled.engine)
        assert assembled.engine.store.people_from() == assembled.usage.set_name() != ""
    for left in (world.root / ".cs-engine").glob("state.db*"):
        left.unlink()
    with assemble(settings) as assembled:
        assert refresh(assembled.engine) == []
        assert assembled.engine.store.people_from() == assembled.usage.set_name()
