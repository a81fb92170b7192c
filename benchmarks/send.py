"""How fast mail leaves: SendgridChannel.send against a bare pooled aiohttp client with the same payload bytes, in one run.

    .venv/bin/python -m benchmarks.send [--messages 4000] [--rounds 3]

A sink in a process of its own answers 202 after 5 and 50 ms. Rounds alternate, the best of each counts; the ratio is what to read.
Also: what building a mail's payload costs, against json.dumps of the ready dict.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import aiohttp

from benchmarks.sink import serving
from cs_engine.channels.mailbox import MailboxEmail
from cs_engine.channels.sendgrid import SendgridChannel
from cs_engine.ports import Letter, Parcel, Person

KEY = "SG.benchmark"
CONCURRENCIES = (32, 256)
DELAYS = (5, 50)
"""Milliseconds."""


async def bare(url: str, bodies: Sequence[bytes], concurrency: int) -> int:
    """What one would write by hand: one session, a semaphore, a task a mail. Returns how many were accepted."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    gate = asyncio.Semaphore(concurrency)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency), headers=headers) as session:

        async def post(body: bytes) -> bool:
            async with gate, session.post(url, data=body) as response:
                await response.read()
                return response.status == 202

        return sum(await asyncio.gather(*map(post, bodies)))


async def bare_workers(url: str, bodies: Sequence[bytes], concurrency: int, context: ssl.SSLContext | None = None) -> int:
    """The same, at its leanest: workers over one iterator."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    queue = iter(bodies)
    connector = aiohttp.TCPConnector(limit=concurrency, ssl=context or True)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def work() -> int:
            accepted = 0
            for body in queue:
                async with session.post(url, data=body) as response:
                    accepted += response.status == 202
            return accepted

        return sum(await asyncio.gather(*(work() for _ in range(concurrency))))


def letters(count: int) -> list[Letter]:
    """Mails of 4 KB in HTML and text."""
    html = "<table>" + "\n".join(f"<tr><td>Line {n}: こんにちは, this is what you did this week.</td></tr>" for n in range(45)) + "</table>"
    text = "\n".join(f"Line {n}: this is what you did this week." for n in range(20))
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    return [
        Letter(
            id=f"msg_{number:024x}",
            sender=Person("csm@vendor.example", "Mika Sato"),
            reply_to=None,
            to=Person(f"person{number}@customer.example", f"Person {number}"),
            subject=f"Your week {number}",
            text=text,
            html=html,
            headers={"List-Unsubscribe": "<mailto:unsubscribe@vendor.example>"},
            topic="onboarding",
            playbook="onboarding-self-serve",
            step="welcome",
            at=at,
        )
        for number in range(count)
    ]


def rate(run: Callable[[], int], count: int) -> float:
    """Messages a second of one run; every one must be accepted."""
    began = time.perf_counter()
    accepted = run()
    took = time.perf_counter() - began
    assert accepted == count, f"{accepted} of {count} accepted"
    return count / took


def compared(base: str, parcels: Sequence[Parcel], concurrency: int, rounds: int) -> list[float]:
    """Messages a second of the two bare clients and of the channel: the best of alternating rounds."""
    url, bodies = f"{base}/v3/mail/send", [parcel.body for parcel in parcels]
    channel = SendgridChannel(KEY, base, concurrency=concurrency)
    runs: list[Callable[[], int]] = [
        lambda: asyncio.run(bare(url, bodies, concurrency)),
        lambda: asyncio.run(bare_workers(url, bodies, concurrency)),
        lambda: sum(outcome.kind == "accepted" for outcome in channel.send(parcels)),
    ]
    best = [0.0] * len(runs)
    for _ in range(rounds):
        best = [max(so_far, rate(run, len(parcels))) for so_far, run in zip(best, runs, strict=True)]
    channel.close()
    return best


def sending(parcels: Sequence[Parcel], rounds: int) -> None:
    """Prints messages a second by delay and concurrency, and the ratio to the faster of the bare clients."""
    print(f"{'sink':>6} {'at once':>8} {'bare':>8} {'bare, lean':>11} {'channel':>8} {'ratio':>6}")
    for delay in DELAYS:
        with serving(delay) as sink:
            for concurrency in CONCURRENCIES:
                plain, lean, channelled = compared(sink.url, parcels, concurrency, rounds)
                ratio = channelled / max(plain, lean)
                print(f"{delay:>4.0f}ms {concurrency:>8} {plain:>8,.0f} {lean:>11,.0f} {channelled:>8,.0f} {ratio:>6.0%}")


def building(sample: Sequence[Letter]) -> None:
    """Prints what a mail's payload costs."""
    ready = [json.loads(SendgridChannel.build(letter).body) for letter in sample]

    def per_mail(do: Callable[[], object]) -> float:
        began = time.perf_counter()
        do()
        return (time.perf_counter() - began) / len(sample) * 1e6

    dumped = min(per_mail(lambda: [json.dumps(one, ensure_ascii=False).encode() for one in ready]) for _ in range(3))
    built = min(per_mail(lambda: [SendgridChannel.build(one) for one in sample]) for _ in range(3))
    written = min(per_mail(lambda: [MailboxEmail.build(one) for one in sample]) for _ in range(3))
    print(f"\nbuild, µs a mail: json.dumps of a ready dict {dumped:.0f}, SendgridChannel.build {built:.0f}, MIME {written:.0f}")


def main() -> None:
    """Runs both parts."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--messages", type=int, default=4000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    sample = letters(chosen.messages)
    sending([SendgridChannel.build(letter) for letter in sample], chosen.rounds)
    building(sample[:1000])


if __name__ == "__main__":
    main()
