"""Whether a message arrived may be known to a person alone: what they say settles it, once, with how they know."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cs_engine.errors import WrongUse
from cs_engine.ports import Outcome, Parcel
from cs_engine.run.desk.resolving import resolve
from tests.stories.world import World, day

TWO = "- {id: one, email: one}\n- {id: two, email: two}"


class Mute:
    """A line that broke after the request: it arrived, or it did not."""

    name = "mute"

    def send(self, parcels: Sequence[Parcel], _: object) -> list[Outcome]:
        return [Outcome(parcel.id, "uncertain", "timeout") for parcel in parcels]

    def lookup(self, _: Sequence[str]) -> dict[str, Outcome]:
        return {}


@pytest.fixture
def doubtful(world: World) -> str:
    """The message of which nobody knows."""
    world.customer().playbook("hello", TWO)
    channels = world.engine.outbox._channels
    whole = channels["email"]
    channels["email"] = Mute()  # type: ignore[index]
    world.tick(day(0))
    channels["email"] = whole  # type: ignore[index]
    assert world.messages("hello") == ["one ann uncertain (timeout)"]
    return world.engine.store.uncertain()[0].id


def test_it_was_sent_and_the_passage_goes_on(world: World, doubtful: str) -> None:
    resolve(world.engine, doubtful, "she answered it", "alex@vendor.example", sent=True)
    assert world.messages("hello") == ["one ann accepted (said_sent)"]
    assert world.tick(day(1)).sent == ["ann: Two for Acme"]
    assert "one resolved alex@vendor.example: she answered it" in world.journal("hello")


def test_it_was_not_sent_and_goes_once_more_under_the_rules(world: World, doubtful: str) -> None:
    resolve(world.engine, doubtful, "not in the log", sent=False)
    assert world.messages("hello") == ["one ann planned (said_not_sent)"]
    assert world.tick(day(0, 22)).sent == [], "it is night"
    assert world.tick(day(1)).sent == ["ann: One for Acme"]


def test_only_what_is_uncertain_and_only_once(world: World, doubtful: str) -> None:
    with pytest.raises(WrongUse, match="there is no message"):
        resolve(world.engine, "msg_nothing", "?", sent=True)
    resolve(world.engine, doubtful, "she answered it", sent=True)
    with pytest.raises(WrongUse, match="is known"):
        resolve(world.engine, doubtful, "no, she did not", sent=False)
    assert world.messages("hello") == ["one ann accepted (said_sent)"]


def test_who_learned_it_first_wins_and_the_other_is_told(world: World, doubtful: str) -> None:
    """The provider's word is settled between the look and the write."""
    store = world.engine.store
    seen = store.uncertain()

    class Late:
        def __getattr__(self, name: str) -> object:
            return (lambda: seen) if name == "uncertain" else getattr(store, name)

    resolve(world.engine, doubtful, "she answered it", sent=True)
    office = type("Desk", (), {"project": world.loaded, "store": Late(), "wall": world.engine.wall})()
    with pytest.raises(WrongUse, match="learned meanwhile"):
        resolve(office, doubtful, "not in the log", sent=False)
    assert sum("resolved" in line for line in world.journal("hello")) == 1
