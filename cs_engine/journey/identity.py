"""Identities derive from what they name, so that a thing can be planned once only.

Those of one playbook begin alike: a batch of them goes into few pages of the database's indexes, not into all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b


def enrolment_id(playbook: str, subject: str, key: str, passage: int) -> str:
    """The id of one passage: playbook, subject, value of `once_per`, number of the passage."""
    return f"enr_{_near(playbook)}{_digest(playbook, subject, key, str(passage))}"


def enrolment_ids(playbook: str, subjects: Sequence[str], keys: Sequence[str], passages: Sequence[int]) -> list[str]:
    """`enrolment_id` for many of one playbook."""
    start, first = f"enr_{_near(playbook)}", f"{playbook}{_BETWEEN}"
    return [
        start + _hashed(f"{first}{subject}{_BETWEEN}{key}{_BETWEEN}{passage}")
        for subject, key, passage in zip(subjects, keys, passages, strict=True)
    ]


def message_id(enrolment: str, step: str, channel: str, recipient: str, repeat: int = 0) -> str:
    """The id of one message. `recipient` is a contact id or a staff e-mail, resolved when planned."""
    return f"msg_{enrolment[4:10]}{_digest(enrolment, step, channel, recipient, str(repeat))}"


def alarm_id(playbook: str, what: str, at: int) -> str:
    """The id of the message that tells of something that befell a playbook ('': all of them) in the tick at that instant."""
    return f"msg_{_near(playbook)}{_digest(playbook, what, str(at))}"


def note_id(playbook: str, cta: str, what: str, at: int) -> str:
    """The id of the message that tells of something that befell a CTA at that instant."""
    return f"msg_{_near(playbook)}{_digest(cta, what, str(at))}"


def instead_id(enrolment: str, step: str, channel: str, recipient: str, planned_at: int) -> str:
    """The id of a message to somebody else, in place of those of a step that were planned then."""
    return f"msg_{enrolment[4:10]}{_digest(enrolment, step, channel, recipient, 'instead', str(planned_at))}"


def message_ids(enrolments: Sequence[str], step: str, channel: str, recipients: Sequence[str], repeats: Sequence[int]) -> list[str]:
    """`message_id` for many of one step and channel."""
    middle = f"{_BETWEEN}{step}{_BETWEEN}{channel}{_BETWEEN}"
    return [
        f"msg_{enrolment[4:10]}" + _hashed(f"{enrolment}{middle}{recipient}{_BETWEEN}{repeat}")
        for enrolment, recipient, repeat in zip(enrolments, recipients, repeats, strict=True)
    ]


def cta_id(account: str, playbook: str, step: str) -> str:
    """The id of a CTA: firing again updates the open one."""
    return "cta_" + _digest(account, playbook, step)


def touch_id(account: str, contact: str, kind: str, by: str, at: int) -> str:
    """The id of a touch that somebody logged: logging it again is nothing."""
    return "tch_" + _digest(account, contact, kind, by, str(at))


@lru_cache(maxsize=1024)
def _near(playbook: str) -> str:
    return blake2b(playbook.encode(), digest_size=3).hexdigest()


_BETWEEN = "\x1f"
"""The unit separator keeps ("a", "bc") and ("ab", "c") apart."""


def person_key(contact: str) -> str:
    """What a contact's id is hashed as, so that it can be told from an address."""
    return f"contact{_BETWEEN}{contact}"


def _digest(*parts: str) -> str:
    return _hashed(_BETWEEN.join(parts))


def _hashed(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()
