"""The store's contract: what people do with CTAs. Once however often it is done, and only of the opening that they saw."""

from __future__ import annotations

from cs_engine.journey import enrolment, message
from cs_engine.journey.cta import Mark
from cs_engine.journey.message import ALARM, Alarm
from cs_engine.ports import Change, CtaView
from cs_engine.state import SqlStore
from tests.contracts.state_rows import MINUTE, NOW, alert, claimed, fired, line, passage, standing

LATER = NOW + 10 * MINUTE


def note(id: str = "msg_note") -> Alarm:
    reply = {"kind": ALARM, "digest": "", "subject_id": "", "topic": "transactional"}
    return Alarm(alert(id, "", **reply)._replace(enrolment_id="", planned_at=LATER), "said")


def opened(store: SqlStore) -> CtaView:
    """A CTA whose alert stands."""
    store.commit(Change([passage()], (), [alert()], [fired(minutes=15)]), NOW)
    claimed(store)
    store.settle([message.accepted("msg_1", "C:1")], NOW)
    return store.ctas(["cta_1"])["cta_1"]


def test_a_message_names_the_cta_that_it_tells_of(store: SqlStore) -> None:
    cta = opened(store)
    assert (cta.provider_ref, cta.state, cta.told) == ("C:1", "open", "")
    assert store.cta_told_by("msg_1") == cta
    assert store.cta_told_by("msg_2") is None


def test_it_is_ended_once_and_its_alert_is_shown_anew(store: SqlStore) -> None:
    cta = opened(store)
    assert store.end_cta(cta, "done", "a@x", LATER, "msg_show", note())
    assert not store.end_cta(cta, "done", "b@x", LATER, "msg_other", note("msg_two"))
    after = store.ctas(["cta_1"])["cta_1"]
    assert (after.state, after.closed_reason, after.closed_by) == ("closed", "done", "a@x")
    update, reply = sorted(claimed(store, LATER, LATER).dispatching, key=lambda c: c.kind, reverse=True)
    assert (update.id, update.kind, update.provider_ref, update.recipient) == ("msg_show", "cta_update", "C:1", "csm@vendor.example")
    assert (reply.id, reply.kind, reply.provider_ref) == ("msg_note", ALARM, "C:1")
    assert dict(store.alarm_texts(["msg_note", "msg_two"])) == {"msg_note": "said"}


def test_a_reply_where_no_post_stands_is_never_sent(store: SqlStore) -> None:
    store.commit(Change([passage()], (), [alert()], [fired()], notes=[note()]), NOW)
    assert [c.id for c in claimed(store, LATER, LATER).dispatching] == ["msg_1"]


def test_it_is_snoozed_once_and_wakes_when_its_time_has_come(store: SqlStore) -> None:
    cta = opened(store)
    said = line("cta_snoozed", at=LATER)
    assert store.snooze_cta(cta, LATER, said, "msg_show", note())
    assert not store.snooze_cta(cta, LATER, said, "msg_show", note())
    (snoozed,) = store.open_ctas()
    assert (snoozed.state, snoozed.snoozed_until) == ("snoozed", LATER)
    store.wake_ctas(["cta_1"], LATER - 1, [], [])
    assert store.open_ctas() == [snoozed]
    store.wake_ctas(["cta_1"], LATER, [line("cta_woke", at=LATER)], [note("msg_woke")])
    assert store.open_ctas()[0].state == "open"
    assert store.snooze_cta(cta, LATER + 1, said, "msg_again", note())
    store.close_ctas([("cta_1", "goal")], LATER)
    assert not store.snooze_cta(cta, LATER + 2, said, "msg_late", note()), "closed"


def test_what_is_said_of_it_is_kept_once_and_belongs_to_one_opening(store: SqlStore) -> None:
    cta = opened(store)
    useful = Mark("cta_1", cta.opened_at, "verdict", "a@x", "useful", "a@x", NOW)
    item = Mark("cta_1", cta.opened_at, "item", "k1", "done", "a@x", NOW)
    assert store.mark_cta([useful, item], [line("cta_judged"), line("cta_item")]) == 2
    assert store.mark_cta([useful, item], [line("cta_judged"), line("cta_item")]) == 0
    changed = useful._replace(value="false_alarm", at=LATER)
    assert store.mark_cta([changed, item], [line("cta_judged"), line("cta_item")]) == 1
    assert store.cta_marks(["cta_1"]) == [item, changed]
    assert [told.event for told in store.journal("acc_1", "onboarding") if told.event.startswith("cta")] == [
        "cta_judged", "cta_item", "cta_judged",
    ]  # fmt: skip
    store.close_ctas([("cta_1", "goal")], LATER)
    move = enrolment.finished(standing(store), "done", LATER)
    again = fired(fired_at=LATER, enrolment_id="enr_2")
    store.commit(Change([passage("enr_2", passage=2, subject_id="acc_1", key="2")], [move], [alert("msg_2", "enr_2")], [again]), LATER)
    assert (store.cta_marks(["cta_1"]), store.cta_told_by("msg_1")) == ([], None)


def test_what_is_told_of_in_a_digest_has_no_message_and_the_rest_counts_its_minutes(store: SqlStore) -> None:
    other = passage("enr_2")
    ctas = [fired(minutes=15), fired("cta_2", account_id="acc_2", enrolment_id="enr_2", minutes=20, priority="low")]
    store.commit(Change([passage(), other], (), [alert(), alert("msg_2", "enr_2", "cta_2")], ctas), NOW)
    one, two = store.fresh_ctas(NOW)
    assert (one.id, one.message_id, one.minutes, one.told, two.priority) == ("cta_1", "msg_1", 15, "", "low")
    moves = [message.skipped("msg_2", two.state, "digest")]
    assert store.allot_ctas(["cta_1"], ["cta_2"], moves, NOW) == moves
    assert store.allot_ctas([], ["cta_2"], moves, LATER) == [], "settled already"
    assert [(fresh.id, fresh.told) for fresh in store.fresh_ctas(NOW)] == [("cta_1", "own")]
    assert store.minutes_told(NOW) == [("csm@vendor.example", NOW, 15)]
    assert store.minutes_told(NOW + 1) == []
    assert {cta.id: cta.told for cta in store.open_ctas()} == {"cta_1": "own", "cta_2": "digest"}


def test_who_is_told_of_an_overdue_one_is_noted_once(store: SqlStore) -> None:
    opened(store)
    told = note("msg_late")
    store.escalate_ctas(["cta_1"], LATER, [told], [line("cta_escalated", at=LATER)])
    store.escalate_ctas(["cta_1"], LATER + 1, [told], [])
    assert [(cta.escalated_at, cta.told) for cta in store.open_ctas()] == [(LATER, "")]
    assert [c.id for c in claimed(store, LATER, LATER).dispatching] == ["msg_late"]


def test_the_journal_of_passages_is_read_by_their_events(store: SqlStore) -> None:
    lines = [line("entered"), line("advanced", at=LATER), line("entered", "acc_2", "enr_2"), line("skipped")]
    store.commit(Change([passage(), passage("enr_2")], journal=lines), NOW)
    found = store.journal_of("onboarding", ["acc_1"], ["enr_1"], ["entered", "advanced"])
    assert [(one.event, one.enrolment_id) for one in found] == [("entered", "enr_1"), ("advanced", "enr_1")]
