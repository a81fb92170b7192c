"""The store's contract: what the caps count, and that whatever happens nobody gets more than a cap allows in any window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cs_engine.instants import Micros, from_micros
from cs_engine.journey import message
from cs_engine.journey.caps import Cap, History, Scope, minute
from cs_engine.journey.hours import Window
from cs_engine.journey.policy import Rules, judge
from cs_engine.journey.touch import Touch
from cs_engine.ports import Candidate, Change, Claim
from cs_engine.run.delivery.deliver import request_of
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, HERE, MINUTE, NOW, alert, fired, mail, passage, states

HOUR = 60 * MINUTE
CAPS = (
    Cap(Scope.CONTACT, 1, 2 * HOUR, "cap: contact 1 in 2 hours"),
    Cap(Scope.CONTACT, 2, 9 * HOUR, "cap: contact 2 in 9 hours"),
    Cap(Scope.ACCOUNT, 2, 3 * HOUR, "cap: account 2 in 3 hours"),
    Cap(Scope.PROJECT, 3, HOUR, "spread: 3 per hour"),
    Cap(Scope.STAFF, 1, HOUR, "cap: csm 1 in 1 hour by slack", "slack"),
)


def claim(store: SqlStore, at: Micros, limit: int = 100, caps: Sequence[Cap] = CAPS) -> Claim:
    rules = Rules("UTC", Window(), lambda locale: locale, lambda *_: True, caps)

    def verdict(candidates: Sequence[Candidate], history: History) -> Sequence[message.Move | None]:
        return judge([request_of(c)._replace(known=True, address=True) for c in candidates], rules, from_micros(at), history)

    return store.claim(at, at, at, limit, HERE, verdict)


def test_a_message_counts_from_its_claim_until_it_is_proven_not_accepted(store: SqlStore) -> None:
    caps = [Cap(Scope.CONTACT, 1, DAY, "cap: contact 1 in 1 day")]
    ends = {"r": message.rejected("msg_r", "550"), "p": message.retried("msg_p", "429", NOW), "u": message.lost_sight("msg_u", "reset")}
    counted = {}
    for name, move in {**ends, "a": message.accepted("msg_a", "sg-1"), "d": None}.items():
        store.commit(Change([passage(f"enr_{name}")], (), [mail(f"msg_{name}", f"enr_{name}")]), NOW)
        assert [c.id for c in claim(store, NOW, caps=caps).dispatching] == [f"msg_{name}"]
        store.settle([move] if move else [], NOW)
        with store.database.read() as tx:
            counted[name] = tx.row("SELECT sent_at FROM messages WHERE id = :id", id=f"msg_{name}")
        store.commit(Change((), (), [mail(f"next_{name}", f"enr_{name}", planned_at=NOW + 1)]), NOW)
        claim(store, NOW + 1, caps=caps)
    begun = (minute(NOW),)
    assert counted == {"r": (None,), "p": (None,), "u": begun, "a": begun, "d": begun}
    after = {name: states(store, f"acc_{name}")[f"next_{name}"] for name in counted}
    assert after == {"r": "dispatching", "p": "held", "u": "held", "a": "held", "d": "held"}  # p itself went again, before its next


def test_transactional_mail_and_edits_do_not_count(store: SqlStore) -> None:
    caps = [Cap(Scope.CONTACT, 1, DAY, "cap"), Cap(Scope.STAFF, 1, DAY, "cap")]
    before = NOW - 2 * DAY
    store.commit(Change([passage()], (), [alert("msg_0", planned_at=before)], [fired()]), before)
    claim(store, before, caps=caps)
    store.settle([message.accepted("msg_0", "C1:1.0")], before)
    exempt = [mail("msg_t", topic="transactional"), alert("msg_e", kind="cta_update")]
    store.commit(Change((), (), exempt), NOW)
    assert len(claim(store, NOW, caps=caps).dispatching) == 2
    store.commit(Change((), (), [mail("msg_1", planned_at=NOW + 1), alert("msg_2", planned_at=NOW + 1)]), NOW)
    assert [c.id for c in claim(store, NOW + 1, caps=caps).dispatching] == ["msg_1", "msg_2"]


def test_touches_that_people_logged_count_for_their_contact_and_their_account(store: SqlStore) -> None:
    """A call takes the room of a mail, a mail of a colleague under caps of mail too; what has yet to be, or is of others, takes none."""
    by_contact, by_account = Cap(Scope.CONTACT, 1, DAY, "contact"), Cap(Scope.ACCOUNT, 2, DAY, "account")
    by_mail = Cap(Scope.CONTACT, 1, DAY, "mail", "email")
    store.commit(Change([passage()], (), [mail("msg_1")]), NOW)

    def waits(*touches: tuple[str, str, Micros], caps: Sequence[Cap]) -> list[tuple[str, Micros | None]]:
        with store.database.write() as tx:
            tx.run("DELETE FROM touches")
            tx.run("UPDATE messages SET state = 'planned', until = NULL, lease_until = NULL, sent_at = NULL")
        alex = "alex@vendor.example"
        store.log_touches([Touch(f"tch_{n}", "acc_1", who, kind, alex, at) for n, (who, kind, at) in enumerate(touches)])
        return [(move.reason, move.until) for move in claim(store, NOW, caps=caps).moved]

    call = ("con_1", "call", NOW - HOUR + 1)
    assert waits(call, caps=[by_contact, by_account, by_mail]) == [("contact", minute(NOW) - HOUR + DAY)]
    assert waits(call, caps=[by_mail, by_account]) == []
    assert waits(("con_1", "mail", NOW - HOUR), caps=[by_mail]) == [("mail", minute(NOW) - HOUR + DAY)]
    assert waits(("con_2", "call", NOW - HOUR), ("con_1", "call", NOW + 1), ("con_1", "call", NOW - DAY), caps=[by_contact]) == []
    together = [(who, "meeting", NOW - HOUR) for who in ("con_1", "con_2", "con_3")]
    assert waits(*together, caps=[by_account]) == [], "one meeting with three people is one touch of the account"
    assert waits(*together, ("", "call", NOW - 2 * HOUR), caps=[by_account]) == [("account", minute(NOW) - 2 * HOUR + DAY)]


messages = st.builds(
    lambda who, priority, planned, kind: (who, priority, planned, kind),
    st.integers(0, 3),
    st.sampled_from([10, 50, 90]),
    st.integers(0, 30),
    st.sampled_from(["mail", "mail", "mail", "transactional", "alert"]),
)
steps = st.tuples(
    st.sampled_from([0, 1, 999_999, MINUTE, 59 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR + 1]),
    st.integers(1, 6),
    st.lists(st.sampled_from(["accepted", "accepted", "rejected", "retry", "uncertain", "left"]), min_size=6, max_size=6),
)


@settings(max_examples=40, deadline=timedelta(seconds=5), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(messages, max_size=20), st.lists(steps, max_size=12))
def test_nobody_gets_more_than_a_cap_allows_in_any_window(
    store: SqlStore, planned: list[tuple[int, int, int, str]], steps: list[tuple[int, int, list[str]]]
) -> None:
    _empty(store)
    store.commit(Change([passage(f"enr_{n}") for n in range(len(planned))], (), [_planned(n, *one) for n, one in enumerate(planned)]), NOW)
    at, sent = NOW, dict[str, tuple[Candidate, Micros]]()
    for passes, limit, ends in steps:
        at += passes
        _claim_and_end(store, at, limit, ends, sent)
    for _ in range(200):  # let time pass until nobody waits: a capped message is late, never lost
        following = store.next_until()
        at = at if following is None else max(at, following)
        if not _claim_and_end(store, at, 3, ["accepted"] * 3, sent) and following is None:
            break
    counts = store.counts()
    assert (counts.held, counts.skipped) == (0, 0)
    assert counts.planned == counts.accepted + counts.rejected + counts.uncertain + counts.pending
    for cap in CAPS:
        for times in _by_key(cap, sent).values():
            times.sort()
            # An instant and the one `most` later: within a window they and those between are one too many.
            assert [(a, b) for a, b in zip(times, times[cap.most :], strict=False) if b - a < cap.window] == [], cap


def _claim_and_end(store: SqlStore, at: Micros, limit: int, ends: list[str], sent: dict[str, tuple[Candidate, Micros]]) -> bool:
    taken = claim(store, at, limit)
    moves = []
    for candidate, end in zip(taken.dispatching, ends, strict=False):
        sent[candidate.id] = (candidate, minute(at))
        match end:
            case "accepted":
                moves.append(message.accepted(candidate.id, ""))
            case "uncertain":
                moves.append(message.lost_sight(candidate.id, "reset"))
            case "rejected" | "retry":
                del sent[candidate.id]
                moves.append(message.rejected(candidate.id, "550") if end == "rejected" else message.retried(candidate.id, "429", at + 1))
    store.settle(moves, at)
    return bool(taken.dispatching or taken.moved or taken.more)


def _planned(n: int, who: int, priority: int, planned_at: int, kind: str) -> message.NewMessage:
    common: dict[str, Any] = {"account_id": f"acc_{who % 2}", "priority": priority, "planned_at": NOW + planned_at}
    if kind == "alert":
        return alert(f"msg_{n}", f"enr_{n}", recipient=f"csm{who % 2}@vendor.example", **common)
    topic = "transactional" if kind == "transactional" else "tips"
    return mail(f"msg_{n}", f"enr_{n}", recipient=f"con_{who}", topic=topic, **common)


def _by_key(cap: Cap, sent: dict[str, tuple[Candidate, Micros]]) -> dict[str, list[Micros]]:
    found: dict[str, list[Micros]] = {}
    for candidate, at in sent.values():
        if candidate.topic == "transactional" or cap.channel not in ("", candidate.channel):
            continue
        to_staff = candidate.recipient_kind == "staff"
        if to_staff == (cap.scope is Scope.STAFF):
            key = {Scope.ACCOUNT: candidate.account_id, Scope.PROJECT: "*"}.get(cap.scope, candidate.recipient)
            found.setdefault(key, []).append(at)
    return found


def _empty(store: SqlStore) -> None:
    with store.database.write() as tx:
        for table in ("messages", "enrolments", "journal"):
            tx.run(f"DELETE FROM {table}")
