"""The few conditions that random playbooks use, and what they mean: names joined by `and`, `or`, `not`. No SQL is run here."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import strategies as st

ACCOUNT_FLAGS = ("account.a0", "account.a1", "account.a2", "account.a3")
CONTACT_FLAGS = ("contact.b0", "contact.b1")
MILESTONES = ("m0", "m1")
COUNTS = ("emails_30d > 0", "account.open_ctas > 0")
"""What only our own tables know."""

Truth = Callable[[str], bool]
"""Whether an atom holds."""

_ATOM = re.compile(r"[\w.]+(?:\('?[\w.]+'?\))?(?: > 0)?")


def atoms(text: str) -> list[str]:
    """The atoms of a condition, as written."""
    return [found for found in _ATOM.findall(text) if found not in ("and", "or", "not")]


def holds(text: str, truth: Truth) -> bool:
    """`or` binds least, `not` most, as in SQL; there are no brackets."""
    return any(all(_literal(part.strip(), truth) for part in arm.split(" and ")) for arm in text.split(" or "))


def _literal(text: str, truth: Truth) -> bool:
    return not truth(text.removeprefix("not ")) if text.startswith("not ") else truth(text)


def conditions(*named: str) -> st.SearchStrategy[str]:
    """Conditions over these atoms."""
    literal = st.builds(lambda no, atom: f"not {atom}" if no else atom, st.booleans(), st.sampled_from(named))
    return st.one_of(
        st.sampled_from(named),
        literal,
        st.builds(lambda a, word, b: f"{a} {word} {b}", literal, st.sampled_from(["and", "or"]), literal),
    )


def of_accounts() -> st.SearchStrategy[str]:
    return conditions(*ACCOUNT_FLAGS, *(f"reached('{m}')" for m in MILESTONES), *COUNTS)


def of_contacts() -> st.SearchStrategy[str]:
    return conditions(*CONTACT_FLAGS, *ACCOUNT_FLAGS[:2], *(f"reached('{m}')" for m in MILESTONES), *COUNTS)


def in_to() -> st.SearchStrategy[str]:
    """Whom a mail goes to."""
    return conditions(*CONTACT_FLAGS)
