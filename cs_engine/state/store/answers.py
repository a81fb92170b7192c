"""Answers to what was asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.instants import Micros
from cs_engine.journey import message
from cs_engine.ports import Answer, AskedMessage, GivenAnswer, JournalLine, PassageAnswer, Word
from cs_engine.state import answers as _answers
from cs_engine.state import milestones, orders
from cs_engine.state.store.part import Part


class Answers(Part):
    """Each method is one transaction."""

    def put_answers(
        self, answers: Sequence[Answer], lines: Sequence[JournalLine], notes: Sequence[message.Alarm] = (), word: Word | None = None
    ) -> int:
        with self.database.write() as tx:
            kept = _answers.put(tx, answers, lines)
            if word is not None:
                milestones.say(tx, word)
            if kept:
                orders.sound(tx, notes)
            return kept

    def answers(self, playbooks: Collection[str], until: Micros) -> list[GivenAnswer]:
        with self.database.read() as tx:
            return _answers.standing(tx, playbooks, until)

    def answers_in(self, enrolments: Collection[str], until: Micros) -> list[PassageAnswer]:
        with self.database.read() as tx:
            return _answers.of_passages(tx, enrolments, until)

    def latest_answers(self, questions: Collection[tuple[str, str, str]], until: Micros) -> list[tuple[str, str, str]]:
        with self.database.read() as tx:
            return _answers.latest(tx, questions, until)

    def asked(self, message_id: str) -> AskedMessage | None:
        with self.database.read() as tx:
            return _answers.asked(tx, message_id)
