"""Payloads that are ready, in place of letters to be rendered: what the processes that post make of them, which read no more than this."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from cs_engine.playbook.plan import WEBHOOK
from cs_engine.ports import Call, Candidate, Parcel
from cs_engine.run.delivery.press import Job

_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def job(candidate: Candidate, bodies: Mapping[str, bytes]) -> Job:
    """A job that a press has nothing to do for: as a webhook's, it is handed to its builder as it is."""
    said = {"body": bodies[candidate.id]}
    return Job(candidate.id, WEBHOOK, "", "", said, candidate.playbook, candidate.step, candidate.topic, _AT, url=WEBHOOK)


def parcel(call: Call) -> Parcel:
    """Its builder."""
    return Parcel(call.id, call.said["body"])
