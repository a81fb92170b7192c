"""What a tick needs from the outside, said in its own words. Beneath both sides: run/ calls, state/, sources/ and channels/ answer.

facts.py: usage and the facts of one now. store/: our tables, a module for each part. channel.py: what leaves.
"""

from __future__ import annotations

from cs_engine.ports.channel import Call, Channel, Holds, Letter, Logged, Outcome, Parcel, Person, Post, Trace, always
from cs_engine.ports.facts import (
    Facts,
    Failure,
    Feed,
    Mask,
    Occurrences,
    Overlay,
    PassageFacts,
    Rows,
    SourceReport,
    Spread,
    Stock,
    Usage,
)
from cs_engine.ports.store import Store
from cs_engine.ports.store.answers import Answer, AskedMessage, GivenAnswer, PassageAnswer
from cs_engine.ports.store.approvals import Envelope
from cs_engine.ports.store.collector import CollectedMark, Profile
from cs_engine.ports.store.ctas import CtaFired, CtaView, OpenCta
from cs_engine.ports.store.ledger import LossCount, Touched, TouchView
from cs_engine.ports.store.messages import Candidate, Claim, Counts, Verdict
from cs_engine.ports.store.milestones import MilestoneView, Reached, Word
from cs_engine.ports.store.passages import Change, EditedStep, EnrolRequest, Kept, OrderedStep, ValueChange, ValueSet
from cs_engine.ports.store.people import AccountRow, ContactRow, Erasure, Mailed, Whom
from cs_engine.ports.store.playbooks import PlaybookState
from cs_engine.ports.store.provider_events import Applied, Returned
from cs_engine.ports.store.records import EnrolmentView, JournalLine, MessageView
from cs_engine.ports.store.ticks import Tick

__all__ = [
    "AccountRow",
    "Answer",
    "Applied",
    "AskedMessage",
    "Call",
    "Candidate",
    "Change",
    "Channel",
    "Claim",
    "CollectedMark",
    "ContactRow",
    "Counts",
    "CtaFired",
    "CtaView",
    "EditedStep",
    "EnrolRequest",
    "EnrolmentView",
    "Envelope",
    "Erasure",
    "Facts",
    "Failure",
    "Feed",
    "GivenAnswer",
    "Holds",
    "JournalLine",
    "Kept",
    "Letter",
    "Logged",
    "LossCount",
    "Mailed",
    "Mask",
    "MessageView",
    "MilestoneView",
    "Occurrences",
    "OpenCta",
    "OrderedStep",
    "Outcome",
    "Overlay",
    "Parcel",
    "PassageAnswer",
    "PassageFacts",
    "Person",
    "PlaybookState",
    "Post",
    "Profile",
    "Reached",
    "Returned",
    "Rows",
    "SourceReport",
    "Spread",
    "Stock",
    "Store",
    "Tick",
    "TouchView",
    "Touched",
    "Trace",
    "Usage",
    "ValueChange",
    "ValueSet",
    "Verdict",
    "Whom",
    "Word",
    "always",
]
