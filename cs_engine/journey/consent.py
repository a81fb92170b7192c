"""Whether a person may be mailed by the law that rules them: what is on record of their consent, and what that law makes of it. Pure."""

from __future__ import annotations

from enum import StrEnum

from cs_engine.playbook.config import Law
from cs_engine.playbook.law import NEEDS_CONSENT

NO_CONSENT = "no_consent"
"""Why a mail is skipped whose recipient's law asks for a consent that is not on record."""


class Consent(StrEnum):
    """What a contact's record says."""

    OPT_IN = "opt_in"
    """They said yes to mail like this."""
    CUSTOMER = "customer"
    """They did not say, and are customers: the EU's soft opt-in, Japan's existing business relation."""
    OPT_OUT = "opt_out"
    """They said no."""
    UNCLEAR = "unclear"
    """They said something that we do not understand: no consent, whatever is taken for granted of others."""
    NONE = ""
    """Nothing is on record."""


_WORDS = {
    Consent.OPT_IN: ["opt_in", "optin", "opted_in", "yes", "y", "true", "1", "given", "granted", "consented", "subscribed"],
    Consent.CUSTOMER: ["customer", "existing", "existing_customer", "relation", "business_relation", "soft_opt_in"],
    Consent.OPT_OUT: ["opt_out", "optout", "opted_out", "no", "n", "false", "0", "refused", "withdrawn", "revoked", "unsubscribed"],
}
_MEANS = {word: consent for consent, words in _WORDS.items() for word in words}


def read_consent(text: str) -> Consent:
    """What a source says. What it says in words that we do not know is no consent: then nobody is mailed by mistake."""
    word = text.strip().lower().replace("-", "_").replace(" ", "_")
    return _MEANS.get(word, Consent.UNCLEAR) if word else Consent.NONE


def lacks(law: Law | None, consent: str, asked_for: bool) -> bool:
    """Whether a consent is missing. `asked_for`: they themselves said that they want the topic."""
    return law in NEEDS_CONSENT and not asked_for and consent not in (Consent.OPT_IN, Consent.CUSTOMER)
