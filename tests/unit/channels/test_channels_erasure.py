"""What SendGrid takes to erase: its limits of addresses and of bytes are kept, and what it says is told without an address."""

from __future__ import annotations

import json

import pytest

from cs_engine.channels.sendgrid_erasure import MOST_ADDRESSES, MOST_BYTES, NotErased, ask, bodies
from tests.doubles.http import RESET, Answer
from tests.doubles.sendgrid import API_KEY, SendgridDouble


def test_a_request_has_no_more_addresses_and_bytes_than_the_vendor_takes() -> None:
    for addresses in ([f"p{n}@x.example" for n in range(12_001)], [f"{'p' * 200}{n}@x.example" for n in range(3_000)]):
        made = bodies([*addresses, addresses[0]])
        sent = [json.loads(body)["email_addresses"] for body in made]
        assert [address for some in sent for address in some] == addresses
        assert all(len(some) <= MOST_ADDRESSES for some in sent)
        assert all(len(body) <= MOST_BYTES for body in made)
    assert bodies([]) == []


@pytest.mark.parametrize(("answer", "code"), [(Answer(401), "401"), (Answer(429), "429"), (RESET, "")])
def test_what_goes_wrong_is_told_with_its_mend_and_without_an_address(answer: Answer, code: str) -> None:
    with SendgridDouble() as double:
        double.always(answer)
        with pytest.raises(NotErased) as told:
            ask(API_KEY, double.base_url, ["ann@customer.example"])
    assert code in told.value.code
    assert told.value.mend
    assert "ann@" not in str(told.value)
