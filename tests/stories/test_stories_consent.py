"""By the law that is named nobody is mailed without the consent that it asks for; what people say themselves is consent, too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories.world import CONTACT, World, day

STEPS = "- {id: one, email: one, to: everyone}\n- {id: ring, cta: call}"
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
    ],
)
def test_each_law_asks_for_its_own(world: World, law: str | None, to: set[str]) -> None:
    assert mailed(company(world, law)) == to
    reasons = {"no": "unsubscribed", **dict.fromkeys({"mum", "odd"} - to, "no_consent")}
    skipped = {line.split()[1]: line.partition("(")[2].rstrip(")") for line in world.messages("hello") if "skipped" in line}
    assert skipped == reasons


def test_slack_and_transactional_mail_need_no_consent(world: World) -> None:
    company(world, "jp").playbook("bill", "- {id: one, email: two, to: everyone}", topic="transactional")
    sent = world.tick(day(0)).sent
    assert len([line for line in sent if line.endswith("Two for Acme")]) == 5
    world.tick(day(1))
    assert "U-ALEX: Call Acme" in world.tick(day(2)).sent + world.tick(day(3)).sent or "ring" in str(world.messages("hello"))


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
        ("kin", "customer"), ("mum", ""), ("no", "opt_out"), ("odd", ""), ("yes", "opt_in"),
    ]  # fmt: skip
    assert {(source, bool(dated)) for _, _, source, dated in rows} == {("form", True)}
