"""Who is erased between plan and send gets nothing, is nobody's subject any more, and stays unknown though the source has them still."""

from __future__ import annotations

from datetime import datetime

from cs_engine.channels.mailbox import mailbox_folder
from cs_engine.instants import to_micros
from cs_engine.journey.mode import SHADOW_KEY
from cs_engine.ports import Erasure
from cs_engine.run.desk.person import Named, erase, exported, named
from cs_engine.run.desk.stepping import skip
from cs_engine.settings import Settings
from cs_engine.state import SqlStore
from cs_engine.state.schema import metadata
from cs_engine.web.asked import Desk
from cs_engine.wiring import email_hasher
from tests.stories.world import World, day

ONE = "- {id: one, email: one}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}"


def who(world: World, person: str) -> Named:
    return named(world.engine.store, world.loaded, email_hasher(Settings(cs_engine_project=world.root)), person)


def erased(world: World, person: str, at: datetime) -> tuple[Erasure, int]:
    engine = world.engine
    return erase(engine.store, engine.usage, mailbox_folder(world.root), who(world, person), to_micros(at))


def test_who_is_erased_between_plan_and_send_gets_nothing_and_colleagues_do(world: World) -> None:
    world.customer().contact("bob", role="operator")
    world.playbook("hello", "- {id: one, email: one, to: everyone}")
    world.playbook("own", ONE, subject="contact", enter="contact.role = 'champion'")
    assert world.tick(day(0, 22)).delivery == {"held": 3}, "planned at night"
    done, _ = erased(world, "ANN@customer.example", day(0, 23))
    assert (done.contacts, done.stopped, done.passages) == (1, 2, 1)
    assert world.tick(day(1)).sent == ["bob: One for Acme"]
    assert world.messages("hello") == ["one ann skipped (erased)", "one bob accepted"]
    assert world.messages("own") == ["one ann skipped (erased)"]
    assert world.stands("own") == ["erased"]


def test_a_later_sync_of_the_same_person_keeps_and_mails_nothing(world: World) -> None:
    world.customer().playbook("hello", ONE)
    world.tick(day(0))
    erased(world, "ann", day(0, 11))
    world.uses()  # the source is read anew, and has Ann still
    world.playbook("again", "- {id: hi, email: three}")
    world.playbook("own", "- {id: ring, cta: call}", subject="contact", enter="contact.role is null or contact.role = 'champion'")
    for number in (1, 3):
        assert world.tick(day(number)).sent == []
    assert world.stands("own") == [], "nobody's playbook takes them in"
    facts = world.engine.usage.person(["ann"])["contacts"]
    assert [sorted(row) for row in facts] == [["account", "created_at", "id"]]
    assert "customer.example" not in str(world.engine.store.held(who(world, "ann").whom))


def test_not_even_under_another_address(world: World) -> None:
    world.customer().playbook("hello", ONE)
    world.tick(day(0))
    erased(world, "ann", day(0, 11))
    world.contact("ann", email="ann@elsewhere.example")
    assert [world.tick(day(number)).sent for number in (1, 2, 3)] == [[], [], []]


def test_files_of_the_mailbox_go_too(world: World) -> None:
    world.customer().contact("bob", role="operator").playbook("hello", "- {id: one, email: one, to: everyone}")
    ticked = world.tick(day(0))
    assert len(ticked.files) == 2
    assert erased(world, "ann@customer.example", day(0, 11))[1] == 1
    assert sorted(file.path.exists() for file in ticked.files) == [False, True]


def test_what_conditions_saw_of_them_is_forgotten_in_the_passages_of_their_account_too(world: World) -> None:
    world.customer().contact("bob", role="operator").uses("acme", day(0, 9), event="invited", contact="ann")
    world.playbook("saw", "- {id: rest, wait: 2 days}", enter="champion.name = 'Ann Doe' and account.plan is not null")
    world.playbook("kept", "- {id: rest, wait: 2 days}", goal="at_entry(champion.email) <> champion.email")
    world.playbook("event", "- {id: rest, wait: 2 days}", enter={"event": "invited"}, once_per="event.at")
    world.playbook("own", "- {id: rest, wait: 2 days}", subject="contact", enter="contact.role = 'champion'", once_per="contact.email")
    world.playbook("shade", "- {id: rest, wait: 2 days}", subject="contact", once_per="contact.email", mode="shadow")
    world.tick(day(0))
    before = said_of(world, "Ann Doe", "ann@", '"ann"')
    assert before >= {"contacts", "enrolments", "journal", "kept_at_entry"}
    erased(world, "bob", day(0, 11))
    assert said_of(world, "Ann Doe", "ann@", '"ann"') == before, "she is somebody else"
    erased(world, "ann", day(0, 11))
    assert said_of(world, "Ann Doe", "ann@", '"ann"') == set()
    assert world.tick(day(1)).json["failures"] == []
    assert [world.stands(playbook) for playbook in ("saw", "event", "own")] == [["rest"], ["rest"], ["erased"]]
    assert {passage.key for passage in world.engine.store.passages("shade")} == {SHADOW_KEY}, "what a shadow did stays a shadow's"


def test_what_our_own_people_wrote_goes_where_it_is_about_them_and_of_their_account_it_loses_their_name(world: World) -> None:
    world.customer().customer("beta", "bob")
    asks = "- {id: call, cta: call, ask: {note: text}}\n- {id: rest, wait: 9 days}\n- {id: two, email: two}"
    world.playbook("account", asks).playbook("own", asks, subject="contact", enter="contact.role = 'champion'")
    world.tick(day(0))
    desk = Desk(world.loaded, world.engine.store, world.engine.wall)
    for account, playbook, text in (
        ("acme", "account", "Ann Doe wants it, ann@customer.example; Doe's boss not"),
        ("acme", "own", "hates calls"),
        ("beta", "account", "Ann Doe of Acme told us"),
    ):
        (id,) = [m.id for m in world.engine.store.messages_of(account, playbook) if m.kind == "cta"]
        asking = desk.asking(id)
        assert asking is not None
        assert desk.keep(asking, {"note": text}, "alex@vendor.example", "staff") is None
    assert skip(world.engine, "acme", "account", "two", "Ann is ill", "alex@vendor.example")
    erased(world, "ann", day(0, 11))
    with world.engine.store.database.read() as tx:  # type: ignore[attr-defined]
        answers = tx.rows("SELECT account_id, playbook, value, by FROM answers ORDER BY account_id, playbook")
        reasons = tx.rows("SELECT reason FROM step_orders UNION ALL SELECT reason FROM journal WHERE event LIKE '%_ordered'")
    alex = "alex@vendor.example"
    assert answers == [
        ("acme", "account", "(erased) wants it, (erased); (erased)'s boss not", alex), ("acme", "own", "", alex),
        ("beta", "account", "Ann Doe of Acme told us", alex),
    ]  # fmt: skip
    assert {reason for (reason,) in reasons} == {"(erased) is ill", f"{alex}: (erased) is ill"}


def said_of(world: World, *words: str) -> set[str]:
    """The tables that say any of it; a plan says what its author wrote."""
    store = world.engine.store
    assert isinstance(store, SqlStore)
    with store.database.read() as tx:
        rows = {table: str(tx.rows(f"SELECT * FROM {table}")) for table in metadata.tables if table != "plans"}
    return {table for table, text in rows.items() if any(word in text for word in words)}


def test_an_export_shows_what_is_held_and_what_was_synced(world: World) -> None:
    world.customer().uses("acme", day(0, 9), contact="ann").playbook("hello", ONE)
    world.tick(day(0))
    said = exported(world.engine.store, world.engine.usage, mailbox_folder(world.root), who(world, "ann@customer.example"))
    assert [row["email"] for row in said["held"]["contacts"]] == ["ann@customer.example"]
    assert [(row["step"], row["state"]) for row in said["held"]["messages"]] == [("one", "accepted")]
    assert said["held"]["messages"][0]["settled_at"] == day(0).isoformat()
    assert [row["name"] for row in said["synced"]["contacts"]] == ["Ann Doe"]
    assert [row["event"] for row in said["synced"]["usage"]] == ["used"]
    assert len(said["mailbox"]) == 1
