"""Webhooks: what each answer means, how they are signed, and where they never go."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from typing import ClassVar

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from cs_engine.channels.webhook import WebhookChannel, derived_key, read_keys, signed
from cs_engine.errors import SettingsError
from cs_engine.ports import Call, Outcome
from tests.doubles.http import HANG, RESET, Answer
from tests.doubles.loopback import dead_port
from tests.doubles.receiver import KEY, Receiver

OTHER = b"another key of thirty-two bytes."


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def channel(patience: float) -> Iterator[WebhookChannel]:
    made = WebhookChannel([KEY], allow=["127.0.0.1"], answer_within=patience)
    yield made
    made.close()


def post(channel: WebhookChannel, *urls: str) -> list[Outcome]:
    calls = [Call(f"msg_{number}", url, {"id": f"msg_{number}", "account": "acme"}) for number, url in enumerate(urls)]
    return channel.send([channel.build(call) for call in calls])


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (Answer(200, body={"anything": "at all"}), "accepted", ""),
        (Answer(204), "accepted", ""),
        (Answer(400), "rejected", "400"),
        (Answer(401), "rejected", "401"),
        (Answer(404), "rejected", "404"),
        (Answer(410), "rejected", "410"),
        (Answer(302, headers={"Location": "/elsewhere"}), "rejected", "redirect"),
        (Answer(307, headers={"Location": "/elsewhere"}), "rejected", "redirect"),
        (Answer(408), "retry", "408"),
        (Answer(429, headers={"Retry-After": "7"}), "retry", "rate_limited"),
        (Answer(500), "retry", "500"),
        (Answer(503, headers={"Retry-After": "7"}), "retry", "503"),
        (HANG, "uncertain", "timeout"),
        (RESET, "uncertain", "connection_lost"),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_each_answer_of_a_receiver_has_one_meaning(
    receiver: Receiver, channel: WebhookChannel, answer: Answer, kind: str, code: str
) -> None:
    receiver.always(answer)
    (outcome,) = post(channel, receiver.base_url)
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.retry_after == (7 if "Retry-After" in answer.headers else None)
    assert receiver.requests == 1, "nothing is posted a second time, and no redirect is followed"


def test_a_call_that_is_posted_again_has_the_same_id(receiver: Receiver, channel: WebhookChannel) -> None:
    receiver.on_request(1, Answer(fate="reset", take=True))
    assert [post(channel, receiver.base_url)[0].kind for _ in range(2)] == ["uncertain", "accepted"]
    assert [call.headers["idempotency-key"] for call in receiver.accepted] == ["msg_0", "msg_0"]
    assert receiver.accepted[0].said == receiver.accepted[1].said


def test_a_host_that_limits_us_holds_back_its_own_alone(receiver: Receiver, channel: WebhookChannel) -> None:
    receiver.always(Answer(429, headers={"Retry-After": "60"}))
    with Receiver() as other:
        post(channel, receiver.base_url)
        outcomes = post(channel, receiver.base_url, other.base_url)
    assert [(o.kind, o.code) for o in outcomes] == [("retry", "rate_limited"), ("accepted", "")]
    assert receiver.requests == 1


def test_a_host_that_is_not_there_is_tried_again_and_its_attempts_count(receiver: Receiver, channel: WebhookChannel) -> None:
    (gone, there) = post(channel, f"http://127.0.0.1:{dead_port()}/x", receiver.base_url)
    assert (gone.kind, gone.code, gone.blameless) == ("retry", "no_connection", False)
    assert there.kind == "accepted"


# --- signatures --------------------------------------------------------------------------------------------------------


def test_it_is_signed_as_the_standards_own_example() -> None:
    """The test vector of the Standard Webhooks libraries."""
    (key,) = read_keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_keys_change_both_signatures_go_along() -> None:
    with Receiver(KEY) as older:
        channel = WebhookChannel([OTHER, KEY], allow=["127.0.0.1"])
        assert post(channel, older.base_url)[0].kind == "accepted"
        assert older.accepted[0].headers["webhook-signature"].count("v1,") == 2
        channel.close()


def test_a_key_is_read_as_receivers_take_it() -> None:
    key = derived_key("one of the secret keys")
    shown = ["whsec_" + base64.b64encode(each).decode() for each in (key, OTHER)]
    assert read_keys(f" {shown[0]}, {shown[1]} ") == [key, OTHER]


@pytest.mark.parametrize("wrong", ["", "whsec_c2hvcnQ=", "no base64 at all!"])
def test_a_key_that_is_none_is_refused_and_not_shown(wrong: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_keys(wrong)
    assert not wrong or wrong not in str(refused.value)


def test_without_a_key_nothing_is_opened() -> None:
    with pytest.raises(SettingsError):
        WebhookChannel([])


# --- where they never go -----------------------------------------------------------------------------------------------


class Names(AbstractResolver):
    """A name server that anybody may have written."""

    answers: ClassVar[dict[str, list[str]]] = {}
    asked: ClassVar[list[str]] = []

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:  # noqa: ARG002 - aiohttp's
        self.asked.append(host)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST)
            for address in self.answers[host]
        ]

    async def close(self) -> None:
        return


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}", "https://localhost:{port}", "https://[::1]:{port}"])
def test_this_machine_is_not_reached_unless_it_is_allowed(receiver: Receiver, url: str) -> None:
    channel = WebhookChannel([KEY])
    assert [(o.kind, o.code) for o in post(channel, url.format(port=receiver.port))] == [("rejected", "address_refused")]
    channel.close()
    assert receiver.requests == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "192.168.1.1"])
def test_a_name_that_stands_for_a_private_address_is_refused(address: str) -> None:
    Names.answers = {"rebound.example": [address]}
    channel = WebhookChannel([KEY], look_up=Names)
    assert [(o.kind, o.code) for o in post(channel, "https://rebound.example/x")] == [("rejected", "address_refused")]
    channel.close()


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    Names.answers = {"mixed.example": ["93.184.216.34", "10.0.0.8"]}
    channel = WebhookChannel([KEY], look_up=Names)
    assert post(channel, "https://mixed.example/x")[0].code == "address_refused"
    channel.close()


def test_a_host_of_ones_own_may_be_private_and_what_was_looked_at_is_what_is_connected_to(receiver: Receiver) -> None:
    Names.answers, Names.asked = {"hooks.internal.example": ["127.0.0.1"]}, []
    channel = WebhookChannel([KEY], allow=["hooks.internal.example"], look_up=Names)
    assert post(channel, f"http://hooks.internal.example:{receiver.port}/x")[0].kind == "accepted"
    channel.close()
    assert Names.asked == ["hooks.internal.example"], "it is resolved once, by the one who looks"
