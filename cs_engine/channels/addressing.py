"""Addresses and header text as they may leave: one line, no control characters, nothing that could be a second recipient."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cs_engine.errors import SettingsError
from cs_engine.ports import Letter, Outcome, Parcel, Person

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_ADDRESS = re.compile(r"""[^\s@<>()\[\],;:\\"\x00-\x1f\x7f]+@[^\s@<>()\[\],;:\\"\x00-\x1f\x7f.]+(\.[^\s@<>()\[\],;:\\"\x00-\x1f\x7f.]+)*""")


def one_line(text: str) -> str:
    """The text without line breaks and control characters, so that no value can begin another header. Lone surrogates become `?`."""
    if text.isprintable():  # nothing of that kind is
        return text.strip()
    return whole(_CONTROL.sub(" ", text)).strip()


def whole(text: str) -> str:
    """The text as UTF-8 can carry it: lone surrogates become `?`, NUL goes."""
    if text.isascii():
        return text.replace("\x00", "")
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def is_address(text: str) -> bool:
    """Whether this can be one mailbox: a single @, no space, no character that would make two of it. Not whether it exists."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


INVALID_ADDRESS = "invalid_address"
"""The code of a letter whose recipient's address is none."""


def ascii_domain(address: str) -> str:
    """The address with its domain as the mail system writes it (日本.jp -> xn--wgv71a.jp). The local part stays as it is."""
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return address


def _travels(address: str) -> bool:
    """Whether every mail system can be told of it: 用户@例子.example would need SMTPUTF8 all the way, and headers have no word for it."""
    return is_address(address) and ascii_domain(address).isascii()


def copies(letter: Letter) -> list[Person]:
    """Who gets a copy: each address once, none that is the recipient's own, none that is no address."""
    seen = {letter.to.email.lower()}
    kept = []
    for person in letter.cc:
        if person.email.lower() not in seen and _travels(person.email):
            seen.add(person.email.lower())
            kept.append(person)
    return kept


def unaddressable(letter: Letter) -> Parcel | None:
    """For a letter that no mail system could take, a parcel that `refused` knows; None for all others."""
    if not _travels(letter.to.email):
        return Parcel(letter.id, b"", {"refused": INVALID_ADDRESS})
    if not _travels(letter.sender.email):
        return Parcel(letter.id, b"", {"refused": "invalid_sender"})
    return None


def refused(parcel: Parcel) -> Outcome | None:
    """What becomes of a parcel that `unaddressable` made; None for all others."""
    code = parcel.meta.get("refused")
    return None if code is None else Outcome(parcel.id, "rejected", code, nobody=code == INVALID_ADDRESS)


def require_lawful(company_address: str | Mapping[str, str] | None, unsubscribe: str | None) -> None:
    """Raises SettingsError unless mail may lawfully leave: a postal address and somewhere to unsubscribe.

    CAN-SPAM and 特定電子メール法 ask for both, business mail included. Called before a channel that reaches people is opened.
    """
    addresses = [company_address] if isinstance(company_address, str) else list((company_address or {}).values())
    if not any(address.strip() for address in addresses):
        raise SettingsError(
            "mail may not leave without the sender's postal address", "set company.postal_address in playbooks/project.yaml"
        )
    target = (unsubscribe or "").strip()
    if not re.fullmatch(r"mailto:[^\s@]+@\S+|https://\S+", target):
        what = "without somewhere to unsubscribe" if not target else "while `unsubscribe` is neither mailto: nor https://"
        raise SettingsError(
            f"mail may not leave {what}", "set unsubscribe in playbooks/project.yaml, for example mailto:unsubscribe@your-company.example"
        )
