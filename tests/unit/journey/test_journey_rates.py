"""Token buckets: how many go at once, when the next one goes, and what clocks that jump do to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pytest

from cs_engine.journey.rates import Bucket, Buckets, Line, Rate, Rates, WarmUp, filled

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOW = 1_345_000_000 * SECOND
SENDGRID = Rates(vendors={"sendgrid": Rate(3, 60 * SECOND, "rate: sendgrid 3 per minute")})


@dataclass(frozen=True)
class Mail:
    channel: str = "email"
    topic: str = "tips"
    kind: str = "email"
    recipient: str = "c1"
    recipient_kind: str = "contact"
    domain: str = "customer.example"


def buckets(
    rates: Rates, messages: list[Mail], had: Mapping[str, Bucket] | None = None, at: int = NOW, line: Line | None = None
) -> Buckets:
    def read(keys: Collection[str]) -> Mapping[str, Bucket]:
        return {key: bucket for key, bucket in (had or {}).items() if key in keys}

    vendor = "slack" if messages and messages[0].channel == "slack" else "sendgrid"
    return Buckets(rates, vendor, messages, read, NOW, line or Line())


def go(ledger: Buckets, messages: list[Mail]) -> list[tuple[float, str] | None]:
    """Seconds that each waits, and why; None: it goes."""
    found: list[tuple[float, str] | None] = []
    for message in messages:
        if (frees := ledger.frees(message)) is None:
            ledger.goes(message)
            found.append(None)
        else:
            found.append(((frees[0] - NOW) / SECOND, frees[1]))
    return found


def test_a_full_bucket_goes_at_once_and_the_rest_waits_each_for_its_turn() -> None:
    mails = [Mail()] * 5
    ledger = buckets(SENDGRID, mails)
    why = "rate: sendgrid 3 per minute"
    assert go(ledger, mails) == [None, None, None, (19.6, why), (39.6, why)]
    assert ledger.spent == [Bucket("vendor sendgrid", 0.0, NOW)]
    assert ledger.next_turn == NOW + 19_600_000


def test_the_line_goes_on_over_the_claims_of_a_tick() -> None:
    line = Line()
    had = {"vendor sendgrid": Bucket("vendor sendgrid", 0.0, NOW)}
    assert [w and w[0] for w in go(buckets(SENDGRID, [Mail()], had, line=line), [Mail()])] == [19.6]
    assert [w and w[0] for w in go(buckets(SENDGRID, [Mail()], had, line=line), [Mail()])] == [39.6]


@pytest.mark.parametrize(("passed", "tokens"), [(0, 1.0), (10, 1.5), (20, 2.0), (3_600, 3.0), (-86_400, 1.0)])
def test_a_bucket_is_filled_evenly_never_over_its_brim_and_not_by_a_clock_that_goes_back(passed: int, tokens: float) -> None:
    assert filled(Bucket("k", 1.0, NOW), Rate(3, 60 * SECOND), NOW + passed * SECOND) == tokens


def test_after_the_clock_was_set_back_it_fills_from_there() -> None:
    had = {"vendor sendgrid": Bucket("vendor sendgrid", 1.0, NOW + DAY)}
    ledger = buckets(SENDGRID, [Mail()], had)
    assert go(ledger, [Mail()]) == [None]
    assert ledger.spent == [Bucket("vendor sendgrid", 0.0, NOW)]


def test_each_domain_has_its_own_and_the_others_share_none() -> None:
    rates = Rates(domains={"default": Rate(1, DAY, "rate: domain 1 per day"), "big.example": Rate(2, DAY, "rate: domain 2 per day")})
    mails = [Mail(domain=name) for name in ("a.example", "a.example", "b.example", "big.example", "big.example", "big.example")]
    assert [w is None for w in go(buckets(rates, mails), mails)] == [True, False, True, True, True, False]


def test_each_slack_channel_has_its_own_and_an_edit_is_no_message() -> None:
    rates = Rates(slack_channel=Rate(1, SECOND, "rate: slack_channel 1 per second"))
    posts = [Mail("slack", kind=kind, recipient=to, recipient_kind="staff", domain="") for kind, to in
             (("cta", "alex"), ("cta", "alex"), ("cta_update", "alex"), ("cta", "kim"))]  # fmt: skip
    assert [w is None for w in go(buckets(rates, posts), posts)] == [True, False, True, True]


def test_transactional_mail_takes_its_room_and_waits_for_the_vendor_alone() -> None:
    rates = Rates(SENDGRID.vendors, None, {"default": Rate(1, DAY, "rate: domain 1 per day")})
    mails = [Mail(topic="transactional")] * 4 + [Mail()]
    found = go(buckets(rates, mails), mails)
    assert [w is None for w in found] == [True, True, True, False, False]
    assert found[3] == (19.6, "rate: sendgrid 3 per minute")
    assert found[4] == (1.98 * 86_400, "rate: domain 1 per day"), "three went that it has to wait for too, and no longer than a span"


def test_however_much_transactional_mail_goes_the_rest_waits_no_longer_than_a_span() -> None:
    rates = Rates(domains={"default": Rate(10, DAY, "rate: domain 10 per day")})
    mails = [Mail(topic="transactional")] * 500 + [Mail()]
    found = go(buckets(rates, mails), mails)
    assert found[-1] is not None
    assert found[-1][0] <= 1.2 * 86_400, "not seven weeks"


def test_a_ramp_doubles_and_ends_and_never_goes_over_the_domains_own_rate() -> None:
    ramp = WarmUp(NOW, Rate(50, DAY, "rate: warm_up"), 2 * DAY, NOW + 10 * DAY)
    rates = Rates(domains={"default": Rate(300, DAY, "rate: domain 300 per day")}, warm_up=ramp)
    found = [rates.domain("x.example", NOW + day * DAY) for day in (-1, 0, 1, 2, 4, 6, 10)]
    assert [rate and rate.most for rate in found] == [50, 50, 50, 100, 200, 300, 300]
    assert found[0] is not None
    assert found[0].reason == "rate: warm_up"


def test_who_declares_nothing_asks_nothing() -> None:
    def never(keys: Collection[str]) -> Mapping[str, Bucket]:
        raise AssertionError(keys)

    ledger = Buckets(Rates(), "sendgrid", [Mail()], never, NOW, Line())
    assert go(ledger, [Mail()]) == [None]
    assert ledger.spent == []
    assert not Rates()


def test_the_keys_of_buckets_name_nobody() -> None:
    rates = Rates(slack_channel=Rate(1, SECOND), domains={"default": Rate(1, DAY)})
    mails = [Mail(domain="small.example"), Mail("slack", recipient="alex@vendor.example", recipient_kind="staff", domain="")]
    ledger = buckets(rates, mails)
    go(ledger, mails)
    assert len(ledger.spent) == 2
    assert not [bucket.key for bucket in ledger.spent if "example" in bucket.key]
