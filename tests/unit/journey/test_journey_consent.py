"""What a record of consent says, and what each law makes of it."""

from __future__ import annotations

import pytest

from cs_engine.journey.consent import Consent, lacks, read_consent
from cs_engine.playbook.config import Law


@pytest.mark.parametrize(
    ("text", "consent"),
    [
        ("opt_in", Consent.OPT_IN), ("Opt-In", Consent.OPT_IN), (" YES ", Consent.OPT_IN), ("true", Consent.OPT_IN),
        ("customer", Consent.CUSTOMER), ("Existing Customer", Consent.CUSTOMER), ("soft opt-in", Consent.CUSTOMER),
        ("opt-out", Consent.OPT_OUT), ("no", Consent.OPT_OUT), ("Unsubscribed", Consent.OPT_OUT),
        ("", Consent.NONE), ("perhaps", Consent.UNCLEAR), ("会員", Consent.UNCLEAR),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_no_consent(text: str, consent: Consent) -> None:
    assert read_consent(text) is consent


@pytest.mark.parametrize(
    ("law", "may"),
    [
        (None, {"opt_in", "customer", "", "asked"}),
        ("us", {"opt_in", "customer", "", "asked"}),
        ("eu", {"opt_in", "customer", "asked"}),
        ("jp", {"opt_in", "customer", "asked"}),
    ],
)
def test_the_eu_and_japan_want_a_yes_or_a_customer_the_us_a_way_out(law: Law | None, may: set[str]) -> None:
    found = {
        consent.value
        for consent in Consent
        if consent not in (Consent.OPT_OUT, Consent.UNCLEAR) and not lacks(law, consent, asked_for=False)
    }
    assert found | ({"asked"} if not lacks(law, "", asked_for=True) else set()) == may
