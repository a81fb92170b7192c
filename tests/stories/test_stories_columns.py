"""A source's columns become others while a process runs: what is compiled follows."""

from __future__ import annotations

import pytest

from cs_engine.errors import SyncStopped
from cs_engine.playbook.load import load_config
from cs_engine.run.tick import run_tick
from cs_engine.settings import Settings
from cs_engine.sources.intake.sync import sync
from cs_engine.wiring import assemble
from tests.stories.world import ACCOUNT, World, day

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


def test_a_column_with_quotes_and_spaces_in_its_name_is_asked_in_double_quotes(world: World) -> None:
    world.account_columns = (*ACCOUNT, 'the "new" plan')
    world.customer(**{'the "new" plan': "gold"}).synced(day(0, 8))
    said = {
        "account.the_new_plan = 'gold'": 'X211 nothing is called account.the_new_plan; write account."the ""new"" plan"',
        'account."the "new" plan" = \'x': "X203 this ' is never closed; a quote inside text is written twice: 'it''s'",
        'account.plan = "gold': 'X203 this " is never closed; text goes in single quotes; a name with " in it is written '
        'account."the ""new"" plan"',
    }
    for asked, told in said.items():
        world.playbook("hello", "- {id: one, email: one}", enter=asked)
        assert [f"{p.code} {p.message}; {p.mend}" for p in world.loaded.problems.errors()][-1:] == [told]
    assert world.playbook("hello", "- {id: one, email: one}", enter='account."the ""new"" plan" = \'gold\'').tick(day(0)).sent == [
        "ann: One for Acme"
    ]


def test_tabs_around_ids_and_values_are_no_part_of_them(world: World) -> None:
    world.customer("acme\t", "\tann ", plan="\tteam\t").contact("bob", "\tacme", role="operator\t")
    world.contact("\tann ", "acme\t", email="\tann@customer.example ")
    world.playbook("hello", "- {id: one, email: one, to: everyone}", enter="account.plan = 'team' and account.id = 'acme'")
    assert [line.split(": ")[0] for line in world.tick(day(0)).sent] == ["ann", "bob"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark_is_told_as_what_it_is(world: World, encoding: str) -> None:
    world.customer()
    world.synced(day(0, 8))
    file = world.root / "data/contacts.csv"
    file.write_bytes(file.read_text(encoding="utf-8").replace("Ann Doe", "山田 太郎").encode(encoding))
    with pytest.raises(SyncStopped, match=r"data/contacts.csv: the text is UTF-16 without a byte order mark") as stopped:
        sync(world.root, load_config(world.root), now=day(1))
    assert "save the file as UTF-8" in str(stopped.value)
