"""A source's columns become others while a process runs: what is compiled follows."""

from __future__ import annotations

from cs_engine.run.tick import run_tick
from cs_engine.settings import Settings
from cs_engine.wiring import assemble
from tests.stories.world import World, day

ACCOUNTS = (
    "account_id,name,csm_email,locale,timezone,signed_up_at,{more}\nacme,Acme,csm@vendor.example,en,UTC,2026-01-01T00:00:00Z,{value}\n"
)
DUNNING = """
playbook: dunning
topic: transactional
existing: include
enter: days_since(account.payment_failed_at) >= 0
goal: account.payment_failed_at is null
steps:
  - {id: told, email: one}
  - {id: rest, wait: 30 days}
"""


def test_a_date_column_that_becomes_blank_everywhere_is_blank_in_the_very_tick_that_reads_it(world: World) -> None:
    world.customer().playbook("hello", "\n    - {id: a, email: one}\n", existing="include")
    world.close()
    file = world.root / "data" / "accounts.csv"
    file.write_text(ACCOUNTS.format(more="payment_failed_at", value="2026-03-01T09:00:00Z"))
    (world.root / "playbooks" / "dunning.yaml").write_text(DUNNING)
    settings = Settings(cs_engine_project=world.root)
    with assemble(settings) as assembled:
        assembled.refresh()
        assert not list(assembled.project.problems), [p.render() for p in assembled.project.problems]
        first = run_tick(assembled.engine, day(1))
        assert (first.failures, first.playbooks["dunning"].entered) == ([], 1)
    with assemble(settings) as assembled:  # knows the column as a time
        file.write_text(ACCOUNTS.format(more="payment_failed_at", value=""))
        assert [report.kept for report in assembled.refresh()][:1] == [1]
        paid = run_tick(assembled.engine, day(2))
        assert paid.failures == []
        assert paid.playbooks["dunning"].finished == {"goal": 1}


def test_a_column_that_is_new_is_known_in_the_very_tick_that_reads_it(world: World) -> None:
    world.customer().playbook("hello", "\n    - {id: a, email: one}\n", existing="include")
    world.close()
    settings = Settings(cs_engine_project=world.root)
    with assemble(settings) as assembled:
        assembled.refresh()
    file = world.root / "data" / "accounts.csv"
    with assemble(settings) as assembled:
        assert "tier" not in assembled.project.attributes.account
        file.write_text(ACCOUNTS.format(more="tier", value="gold"))
        assembled.refresh()
        assert "tier" in assembled.project.attributes.account
