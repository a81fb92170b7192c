"""By the law that is named nobody is mailed without the consent that it asks for; what people say themselves is consent, too."""

from __future__ import annotations

from typing import Any

import pytest

from cs_engine.ports import Whom
from cs_engine.run.desk.checks import law_problems
from cs_engine.settings import Settings
from cs_engine.wiring import email_hasher
from tests.stories.world import CONTACT, World, day

STEPS = "- {id: one, email: one, to: everyone}"
SOURCES: dict[str, Any] = {
    "accounts": {"file": "data/accounts.csv"},
    "contacts": {"file": "data/contacts.csv", "consent": "permission", "consent_source": "how", "consent_at": "said_at"},
    "usage": {"file": "data/usage.csv"},
}
COMPANY = {"name": "Vendor", "postal_address": "1 Street", "contact": "help@vendor.example"}
SAID = {"yes": "opt_in", "kin": "customer", "no": "opt_out", "mum": "", "odd": "perhaps"}


def company(world: World, law: Any) -> World:
    """People who said this and that, all of one account."""
    world.contact_columns = (*CONTACT, "permission", "how", "said_at", "country")
    world.account()
    for name, said in SAID.items():
        world.contact(name, permission=said, how="form", said_at=day(-10).isoformat())
    world.project(sources=SOURCES, company=COMPANY, **({"law": law} if law else {}))
    return world.playbook("hello", STEPS)


def mailed(world: World) -> set[str]:
    return {line.partition(":")[0] for line in world.tick(day(0)).sent if line.endswith("One for Acme")}


@pytest.mark.parametrize(
    ("law", "to"),
    [
        (None, {"yes", "kin", "mum", "odd"}),
        ("us", {"yes", "kin", "mum", "odd"}),
        ("eu", {"yes", "kin"}),
        ("jp", {"yes", "kin"}),
        ({"else": "jp", "blank": "customer"}, {"yes", "kin", "mum"}),
    ],
)
def test_each_law_asks_for_its_own(world: World, law: Any, to: set[str]) -> None:
    assert mailed(company(world, law)) == to
    reasons = {"no": "unsubscribed", **dict.fromkeys({"mum", "odd"} - to, "no_consent")}
    skipped = {line.split()[1]: line.partition("(")[2].rstrip(")") for line in world.messages("hello") if "skipped" in line}
    assert skipped == reasons


def test_transactional_mail_needs_no_consent_nor_do_alerts(world: World) -> None:
    company(world, "jp").playbook("bill", "- {id: one, email: two, to: everyone}", topic="transactional")
    world.playbook("ring", "- {id: ring, cta: call}")
    sent = world.tick(day(0)).sent
    assert len([line for line in sent if line.endswith("Two for Acme")]) == 5
    assert "U-ALEX: Call Acme" in sent


def test_the_country_decides_a_contacts_own_before_its_accounts(world: World) -> None:
    company(world, {"countries": {"JP": "jp", "US": "us"}, "else": "eu"})
    world.contact("mum", country="us").contact("odd", country="JP")
    assert mailed(world) == {"yes", "kin", "mum"}


def test_who_asks_for_mail_themselves_has_consented_and_may_take_it_back(world: World) -> None:
    company(world, "eu")
    world.prefer("mum", "tips", True, day(0, 9)).prefer("no", "", True, day(0, 9)).prefer("yes", "tips", False, day(0, 9))
    world.prefer("odd", "milestones", True, day(0, 9))
    assert mailed(world) == {"kin", "mum", "no"}


def test_a_no_in_the_source_that_is_newer_than_their_yes_counts(world: World) -> None:
    company(world, "us").prefer("no", "", True, day(-20))
    assert "no" not in mailed(world)


def test_the_record_has_its_source_and_its_date(world: World) -> None:
    company(world, "eu")
    with world.engine.store.database.read() as tx:  # type: ignore[attr-defined]
        rows = tx.rows("SELECT id, consent, consent_source, consent_at IS NOT NULL FROM contacts ORDER BY id")
    assert [(id, consent) for id, consent, _, _ in rows] == [
        ("kin", "customer"), ("mum", ""), ("no", "opt_out"), ("odd", "unclear"), ("yes", "opt_in"),
    ]  # fmt: skip
    assert {(source, bool(dated)) for _, _, source, dated in rows} == {("form", True)}


def test_what_a_source_said_stays_on_record_when_it_says_something_else_or_the_contact_is_gone(world: World) -> None:
    company(world, "eu")
    hashes = email_hasher(Settings(cs_engine_project=world.root))("yes@customer.example")

    def record() -> list[tuple[str, str, bool]]:
        held = world.engine.store.held(Whom((), tuple(hashes), (), ()))
        return [(row["state"], row["source"], row["at"] > 0) for row in held.get("consents", [])]

    assert record() == [("opt_in", "source: form", True)]
    world.contact("yes", permission="opt_out", how="phone", said_at="")
    assert record() == [("opt_in", "source: form", True), ("opt_out", "source: phone", False)]
    world.gone("yes")
    assert len(record()) == 2
    assert world.engine.store.preferring() == set(), "nobody said anything to us"


@pytest.mark.parametrize(
    ("law", "unsubscribe", "pages", "said"),
    [
        ("us", None, False, ["error"]),
        ("us", None, True, []),
        ("us", "mailto:out@vendor.example", False, []),
        (None, None, False, []),
        ({"countries": {"JP": "jp"}, "else": "us"}, None, True, ["warning"]),
    ],
)
def test_check_says_where_mails_have_no_way_out_and_where_nobodys_country_is_known(
    world: World, law: Any, unsubscribe: str | None, pages: bool, said: list[str]
) -> None:
    world.account().contact("ann")
    world.contact_columns = (*CONTACT, "permission", "how", "said_at")
    keys = {"law": law} if law else {}
    world.project(sources=SOURCES, company=COMPANY, unsubscribe=unsubscribe, **keys)
    problems = law_problems(world.loaded, has_pages=pages)
    assert [(p.code, p.level.value, p.place.file) for p in problems] == [("P214", level, "playbooks/project.yaml") for level in said]
    assert all(problem.mend for problem in problems)
