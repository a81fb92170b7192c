"""Identities derive from what they name, so that a thing can be planned once only."""

from __future__ import annotations

from hashlib import blake2b


def enrolment_id(playbook: str, subject: str, key: str, passage: int) -> str:
    """The id of one passage: playbook, subject, value of `once_per`, number of the passage."""
    return "enr_" + _digest(playbook, subject, key, str(passage))


def message_id(enrolment: str, step: str, channel: str, recipient: str, repeat: int = 0) -> str:
    """The id of one message. `recipient` is a contact id or a staff e-mail, resolved when planned."""
    return "msg_" + _digest(enrolment, step, channel, recipient, str(repeat))


def cta_id(account: str, playbook: str, step: str) -> str:
    """The id of a CTA: firing again updates the open one."""
    return "cta_" + _digest(account, playbook, step)


def _digest(*parts: str) -> str:
    # The unit separator keeps ("a", "bc") and ("ab", "c") apart.
    return blake2b("\x1f".join(parts).encode(), digest_size=12).hexdigest()
