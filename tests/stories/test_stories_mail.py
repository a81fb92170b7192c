"""Mail: the language that a person reads, the hours at which they are written to, names, and templates that fail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cs_engine.channels.mailbox import mails
from tests.stories.world import World, day, opened

ONE = "- {id: one, email: one}"


def bilingual(world: World) -> World:
    return world.mail("one", "Hello", "Dear {{ contact | addressee }}").mail("one", "こんにちは", "{{ contact | addressee }}", locale="ja")


def last_mail(world: World) -> str:
    """The text of the youngest mail."""
    body = opened(mails(world.root)[-1]).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


# --- locale ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contact", "account", "project", "subject"),
    [
        ("ja", "en", "en", "こんにちは"),
        ("en", "ja", "en", "Hello"),
        ("", "ja", "en", "こんにちは"),
        ("", "", "en", "Hello"),
        ("ja-JP", "", "en", "こんにちは"),
        ("en-GB", "ja", "en", "Hello"),
    ],
)
def test_the_contacts_locale_wins_then_the_accounts_then_the_projects(
    world: World, contact: str, account: str, project: str, subject: str
) -> None:
    bilingual(world).project(locale=project).account(locale=account).contact("ann", locale=contact).playbook("hello", ONE)
    assert world.tick(day(0)).sent == [f"ann: {subject}"]


def test_the_projects_own_locale_may_be_japanese(world: World) -> None:
    world.project(locale="ja").mail("one", "こんにちは").mail("one", "Hello", locale="en").customer().playbook("hello", ONE)
    assert world.tick(day(0)).sent == ["ann: こんにちは"]


def test_without_a_japanese_template_the_mail_is_held_never_english(world: World) -> None:
    bilingual(world).customer(locale="ja").customer("beta", "bob").playbook("hello", "- {id: two, email: two}")
    tick = world.tick(day(0))
    assert (tick.sent, tick.delivery) == (["bob: Two for Beta"], {"accepted": 1, "held": 1})
    assert world.messages("hello") == ["two ann held (no_translation)"]
    world.mail("two", "二通目", locale="ja")
    assert world.tick(day(2)).sent == ["ann: 二通目"]


def test_a_project_that_writes_no_japanese_at_all_holds_it_too(world: World) -> None:
    world.customer(locale="ja").playbook("hello", ONE)
    assert world.tick(day(0)).delivery == {"held": 1}
    assert world.messages("hello") == ["one ann held (no_translation)"]


def test_what_our_own_people_read_is_never_held_for_its_language(world: World) -> None:
    """Alerts and mail to staff about a Japanese customer are in Japanese where written, else in the project's own language."""
    bilingual(world).customer(locale="ja").playbook("alarm", "- {id: call, cta: call}").playbook("tell", "- {id: two, email: two, to: csm}")
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme", "alex: Two for Acme"]


# --- quiet hours -------------------------------------------------------------------------------------------------------


def test_quiet_hours_are_the_recipients_own(world: World) -> None:
    """12:00 UTC is 21:00 in Tokyo and 5:00 in California."""
    world.account().contact("ann").contact("bob", timezone="Asia/Tokyo").contact("cat", timezone="America/Los_Angeles")
    world.playbook("hello", "- {id: one, email: one, to: everyone}")
    tick = world.tick(day(0, 12))
    assert (tick.sent, tick.delivery) == (["ann: One for Acme"], {"accepted": 1, "held": 2})
    assert sorted(world.held_until("hello")) == [day(0, 16), day(0, 23)]
    assert world.tick(day(0, 16)).sent == ["cat: One for Acme"]
    assert world.tick(day(0, 23)).sent == ["bob: One for Acme"]


def test_the_accounts_zone_counts_for_a_contact_without_one_and_the_projects_for_both(world: World) -> None:
    world.project(timezone="Asia/Tokyo").customer().customer("beta", "bob", timezone="Europe/Berlin").playbook("hello", ONE)
    assert world.tick(day(0, 12)).sent == ["bob: One for Beta"]


@pytest.mark.parametrize("home", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_a_day_is_that_day_to_readers_everywhere_and_a_time_is_theirs(world: World, home: str) -> None:
    """Who renews on 1 September is not told of 31 August because they live in the west."""
    world.project(timezone=home, quiet_hours=None)
    body = "{{ account.renewal_at | date }}, {{ account.renewal_at }}, {{ event.at | date }}, {{ event.at | date('time') }}"
    for n, zone in enumerate(("America/Los_Angeles", "Asia/Tokyo", "Pacific/Kiritimati")):
        world.customer(f"a{n}", f"c{n}", timezone=zone, renewal_at="2026-09-01").uses(f"a{n}", day(0, 9))
    world.mail("one", "When", body).playbook("hello", ONE, enter={"event": "used"})
    said = [opened(file).get_body(("plain",)) for file in sorted(world.tick(day(0)).files, key=lambda file: file.to)]
    times = ["2 March 2026, 01:00", "2 March 2026, 18:00", "2 March 2026, 23:00"]
    assert [part.get_content().splitlines()[0] for part in said if part] == [f"1 September 2026, 1 September 2026, {at}" for at in times]


def test_a_zone_that_nobody_knows_counts_as_none(world: World) -> None:
    world.customer(timezone="Mars/Olympus").playbook("hello", ONE)
    assert world.tick(day(0)).sent == ["ann: One for Acme"]


def test_transactional_mail_and_mail_to_staff_know_no_quiet_hours(world: World) -> None:
    world.customer().playbook("bill", ONE, topic="transactional").playbook("tell", "- {id: two, email: two, to: csm}")
    assert world.tick(day(0, 22)).sent == ["alex: Two for Acme", "ann: One for Acme"]


def test_alerts_know_no_quiet_hours(world: World) -> None:
    assert world.customer().playbook("alarm", "- {id: call, cta: call}").tick(day(0, 22)).sent == ["U-ALEX: Call Acme"]


def test_no_quiet_hours_where_the_project_has_none(world: World) -> None:
    world.project(quiet_hours=None).customer().playbook("hello", ONE)
    assert world.tick(day(0, 22)).sent == ["ann: One for Acme"]


def test_within_a_span_held_mail_goes_when_the_window_opens_between_two_ticks(world: World) -> None:
    """Ticks at 17:00 UTC only, which is 2:00 in Tokyo: the mail goes at 8:00 there, before the next tick."""
    world.customer(timezone="Asia/Tokyo").playbook("hello", ONE + "\n- {id: rest, wait: 1 days}\n- {id: two, email: two}")
    ticks = world.span(day(0, 17), day(3, 17))
    assert [tick.sent for tick in ticks] == [["ann: One for Acme"], ["ann: Two for Acme"], [], []]
    assert [opened(tick.files[0])["Date"].split(" +")[0] for tick in ticks[:2]] == [
        "Mon, 02 Mar 2026 23:00:00",
        "Tue, 03 Mar 2026 23:00:00",
    ]
    assert [tick.delivery.get("held", 0) for tick in ticks] == [0, 0, 0, 0]


def test_the_last_tick_of_a_span_ends_at_its_own_time(world: World) -> None:
    world.customer(timezone="Asia/Tokyo").playbook("hello", ONE)
    (tick,) = world.span(day(0, 17), day(0, 17), timedelta(days=1))
    assert tick.delivery == {"held": 1}


# --- templates ---------------------------------------------------------------------------------------------------------


def test_a_template_that_fails_for_one_recipient_is_rejected_for_them_and_sent_to_the_others(world: World) -> None:
    world.mail("one", "{{ account.seats * 2 }} seats")
    for n in range(10):
        world.customer(f"acc{n}", f"con{n}", seats="" if n == 7 else n)
    world.playbook("hello", ONE + "\n- {id: rest, wait: 2 days}")
    tick = world.tick(day(0))
    assert (len(tick.sent), tick.delivery) == (9, {"accepted": 9, "rejected": 1})
    (message,) = world.messages("hello", "acc7")
    assert message.startswith("one con7 rejected (")
    assert any(line.startswith("one rejected ") and len(line.split()) == 3 for line in world.journal("hello", "acc7"))
    world.tick(day(1))
    assert world.stands("hello", "acc7") == ["rest"]


def test_the_subject_is_the_rest_of_its_line(world: World) -> None:
    world.mail("one", "{{ contact.name }}様 契約 #42 の更新: 「重要」").customer().playbook("hello", ONE)
    assert world.tick(day(0)).sent == ["ann: Ann Doe様 契約 #42 の更新: 「重要」"]


@pytest.mark.parametrize(
    ("name", "addressed"),
    [("山田 太郎", "株式会社見本 山田 太郎様"), ("山田様", "株式会社見本 山田様"), ("", "株式会社見本 ご担当者様")],
)
def test_a_japanese_reader_is_addressed_as_a_business_letter_does(world: World, name: str, addressed: str) -> None:
    world.mail("one", "件名", "{{ contact | addressee }}", locale="ja")
    world.account(name="株式会社見本", locale="ja").contact("ann", name=name).playbook("hello", ONE)
    world.tick(day(0))
    assert addressed in last_mail(world)


def test_family_name_department_and_job_title_are_used_where_the_crm_has_them(world: World) -> None:
    world.contact_columns += ("family_name", "given_name", "department", "job_title")
    world.mail("one", "件名", "{{ contact | addressee }}", locale="ja").account(name="株式会社見本", locale="ja")
    world.contact("ann", family_name="山田", given_name="花子", department="経営企画部", job_title="部長").playbook("hello", ONE)
    world.tick(day(0))
    assert "株式会社見本 経営企画部 部長 山田様" in last_mail(world)


def test_an_english_reader_is_addressed_by_the_given_name(world: World) -> None:
    world.customer().playbook("hello", ONE).tick(day(0))
    assert "Dear Ann" in last_mail(world)
