"""Delivery whole: claim, render, build, send over TLS and settle N mails through SendGrid's channel to a local sink, by stage.

    .venv/bin/python -m benchmarks.deliver [--mails 20000] [--delay 50 5]

Real SQLite (synchronous=FULL), the shipped mail `onboarding/welcome`, all cores. In the same run, against the same sink, for the ratios:
those of `by_hand.py`. Of all the best of three counts; each of ours is made in a new process, which finds nothing warm, from a state of
its own. Delivery is measured whole, and with payloads that are ready, as the bare client's are, but with each mail claimed and settled
all the same.

A second figure is of the processors: microseconds a mail of all our processes together, and of the sink; it is alike on a busy machine.
The certificate is one of a bundle of the usual length: who loads it for each mail, as the vendor's client does, pays for it here as
anywhere. Linux alone tells the processors' part.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import os
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

from pydantic import SecretStr

from benchmarks import by_hand, ready
from benchmarks.send import KEY
from benchmarks.sink import Serving, certified, serving
from cs_engine.channels.mailing import MOST_OF_ALL as CONNECTIONS
from cs_engine.channels.sendgrid import SendgridChannel
from cs_engine.content.mail import EmailTemplate
from cs_engine.ports import Candidate, Letter
from cs_engine.run.context import Engine
from cs_engine.run.delivery import deliver as delivery
from cs_engine.run.delivery.letters import Letters
from cs_engine.run.delivery.outbox import Outbox
from cs_engine.run.delivery.press import Job, Press
from cs_engine.run.tick import run_tick
from cs_engine.settings import Settings
from cs_engine.wiring import assemble

T = TypeVar("T")

VENDOR_MAILS = 30
ROUNDS = 3
"""Of which the best counts."""

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROOT = Path(__file__).resolve().parent.parent


def write_project(folder: Path, mails: int) -> None:
    """As many accounts as mails, each with a champion, and a playbook that mails them all at once."""
    copytree(ROOT / "templates", folder / "templates")
    (folder / "playbooks").mkdir()
    project = {
        "name": "benchmark",
        "company": {"name": "Vendor", "postal_address": "1 Street", "contact": "help@vendor.example"},
        "sender": {"fallback": "cs@vendor.example"},
        "unsubscribe": "mailto:out@vendor.example",
        "quiet_hours": None,
        "sources": {name: {"file": f"{name}.csv"} for name in ("accounts", "contacts", "usage")},
    }
    playbook = {
        "playbook": "hello",
        "topic": "transactional",
        "existing": "include",
        "vars": {"app": "https://app.vendor.example", "docs": "https://docs.vendor.example"},
        "steps": [{"id": "welcome", "email": "onboarding/welcome", "to": "champion"}],
    }
    team = {"staff": [{"email": "cs@vendor.example", "name": "Mika Sato", "signature": "Mika Sato, Customer Success"}]}
    metrics = {"areas_28d": {"count_distinct": "event", "in": "28 days"}}
    for name, content in (("project", project), ("hello", playbook), ("team", team), ("metrics", metrics)):
        (folder / "playbooks" / f"{name}.yaml").write_text(json.dumps(content), encoding="utf-8")
    since = "2026-02-20T09:00:00+00:00"
    tables: Mapping[str, tuple[Sequence[str], Callable[[int], Sequence[str]]]] = {
        "accounts": (
            ("account_id", "name", "plan", "signed_up_at", "csm_email"),
            lambda n: (f"acc_{n:06d}", f"Account & Söhne {n}", "team", since, "cs@vendor.example"),
        ),
        "contacts": (
            ("contact_id", "account_id", "email", "name", "role", "created_at"),
            lambda n: (f"con_{n:06d}", f"acc_{n:06d}", f"person{n}@customer.example", f"Person {n}", "champion", since),
        ),
        "usage": (
            ("account_id", "contact_id", "event", "occurred_at"),
            lambda n: (f"acc_{n:06d}", f"con_{n:06d}", "used", "2026-03-01T09:00:00+00:00"),
        ),
    }
    for name, (columns, row) in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *(row(number) for number in range(mails))])


class Took(NamedTuple):
    """What some work took."""

    seconds: float
    cpu: float
    """Of this process and its children, the sink aside."""
    sink: float
    """Of the sink's processor time."""


def timed(work: Callable[[], Any], sink: Serving) -> Took:
    """What the work took."""
    cpu, served, began = _ours(sink.pid), _cpu(sink.pid), time.perf_counter()
    work()
    return Took(time.perf_counter() - began, _ours(sink.pid) - cpu, _cpu(sink.pid) - served)


def _ours(but: int) -> float:
    """Processor seconds of this process, of what it has started, and of what that has ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + sum(_cpu(pid) for pid in _family(os.getpid()) if pid != but)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))


def _cpu(pid: int) -> float:
    """Processor seconds of a process that runs. The clock's number is made as Linux makes it."""
    return time.clock_gettime((~pid << 3) | 2)


@dataclass(slots=True)
class Stages:
    """Seconds by stage of one delivery in this process, and the jobs that went through it."""

    seconds: dict[str, float]
    jobs: list[Job]

    @classmethod
    def of(cls, engine: Engine) -> Stages:
        """Watches the engine from now on."""
        stages = cls(defaultdict(float), [])
        for owner, method, stage in ((engine.store, "claim", "claim"), (engine.store, "settle", "settle"), (Letters, "jobs", "values")):
            setattr(owner, method, stages._timed(stage, getattr(owner, method)))
        post = engine.outbox.post

        def posted(channel: str, jobs: Sequence[Job], *given: Any, **options: Any) -> Callable[[], Any]:
            stages.jobs += jobs
            ended = stages._timed("hand over", post)(channel, jobs, *given, **options)
            return stages._timed("render, build and post, waited for", ended)

        setattr(engine.outbox, "post", posted)  # noqa: B010
        return stages

    def _timed(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return work(*args, **options)
            finally:
                self.seconds[stage] += time.perf_counter() - began

        return timed


@contextmanager
def engine_of(folder: Path, sink: Serving) -> Iterator[Engine]:
    """An engine whose customers are read, and none of whose mails are planned."""
    settings = Settings(cs_engine_project=folder, cs_engine_email="sendgrid", sendgrid_api_key=SecretStr(KEY), sendgrid_base_url=sink.url)
    with assemble(settings) as assembled:
        assembled.refresh()
        yield assembled.engine


def delivered(engine: Engine, mails: int, sink: Serving) -> Took:
    """A tick; what its delivery took."""
    took = Took(0.0, 0.0, 0.0)

    def do(playbook: str, step: str, work: Callable[[], None]) -> None:
        nonlocal took
        if (playbook, step) == ("", "deliver"):
            took = timed(work, sink)
        else:
            work()

    report = run_tick(engine, NOW, do=do)
    assert report.delivery["accepted"] == mails, (report.delivery, report.failures)
    return took


@contextmanager
def payloads_ready(engine: Engine, bodies: Mapping[str, bytes]) -> Iterator[Engine]:
    """The engine for which a mail's payload is there when it is claimed: nothing is read of its customer, rendered or built."""

    def jobs(_: Letters, candidates: Sequence[Candidate]) -> tuple[list[Job], dict[str, str]]:
        return [ready.job(candidate, bodies) for candidate in candidates], {}

    was, outbox = Letters.jobs, engine.outbox
    channels, openers = outbox._channels, outbox._openers  # noqa: SLF001 - with which it was opened
    library = outbox.press.library
    replaced = Outbox(library.root, library.default_locale, channels, {"webhook": ready.parcel}, openers=openers)
    setattr(Letters, "jobs", jobs)  # noqa: B010
    try:
        yield replace(engine, outbox=replaced)
    finally:
        setattr(Letters, "jobs", was)  # noqa: B010
        replaced.close()


class Whole(NamedTuple):
    """A delivery as it is."""

    took: Took
    stages: Mapping[str, float]
    jobs: Sequence[Job]
    """All that it made of its mails."""


def whole(folder: Path, mails: int, sink: Serving) -> Whole:
    """Delivers what there is in a project that nobody has run yet."""
    write_project(folder, mails)
    with engine_of(folder, sink) as engine:
        stages = Stages.of(engine)
        return Whole(delivered(engine, mails, sink), stages.seconds, stages.jobs)


def given(folder: Path, mails: int, sink: Serving, bodies: Mapping[str, bytes]) -> Took:
    """The same where these payloads are ready."""
    write_project(folder, mails)
    with engine_of(folder, sink) as engine, payloads_ready(engine, bodies) as its:
        return delivered(its, mails, sink)


def anew(work: Callable[[], T]) -> T:
    """What a new process makes of it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work).result()


class Prepared(NamedTuple):
    """What the others are given: all that a delivery made of its mails."""

    jobs: Sequence[Job]
    template: EmailTemplate
    bodies: Mapping[str, bytes]
    rendering: Took
    building: Took

    @classmethod
    def of(cls, jobs: Sequence[Job], folder: Path, sink: Serving) -> Prepared:
        """Renders and builds them once more, on one core, with the project's templates."""
        press, letters = Press(folder, "en", {}), list[Any]()
        rendering = timed(lambda: letters.extend(map(press.outgoing, jobs)), sink)
        bodies: dict[str, bytes] = {}
        building = timed(
            lambda: bodies.update((one.id, SendgridChannel.build(one).body) for one in letters if isinstance(one, Letter)), sink
        )
        template = press.library.email(jobs[0].template, jobs[0].locale)
        assert template is not None
        return cls(jobs, template, bodies, rendering, building)


def compared(folder: Path, mails: int, milliseconds: float) -> None:
    """Delivery, and beside it what others need for the same, in rounds of each once."""
    with serving(milliseconds, folder / "sink.pem") as sink:
        print(f"\n{mails:,} mails over TLS, a sink of {milliseconds:g} ms, {CONNECTIONS} connections, batches of {delivery.BATCH}")
        wholes = [anew(partial(whole, folder / "whole0", mails, sink))]
        prepared = Prepared.of(wholes[0].jobs, folder / "whole0", sink)
        taken: defaultdict[str, list[Took]] = defaultdict(list)
        for number in range(ROUNDS):
            if number:
                wholes.append(anew(partial(whole, folder / f"whole{number}", mails, sink)))
            taken[READY].append(anew(partial(given, folder / f"ready{number}", mails, sink, prepared.bodies)))
            for name, work in _by_hand(prepared, sink).items():
                taken[name].append(timed(work, sink))
        payloads = list(prepared.bodies.values())[:VENDOR_MAILS]
        vendor = timed(lambda: by_hand.vendors_client(sink.url, payloads), sink)
    _told(mails, min(wholes, key=lambda made: made.took), prepared, {name: min(took) for name, took in taken.items()}, vendor)


READY = "delivery, payloads ready"
BARE, LOOP, LOOPS = (
    "bare client, payloads ready, one process", "loop that renders and posts, one process", "loop that renders and posts, a process a core"
)  # fmt: skip


def _by_hand(prepared: Prepared, sink: Serving) -> dict[str, Callable[[], None]]:
    url, (jobs, template, bodies, *_) = f"{sink.url}/v3/mail/send", prepared
    return {
        BARE: partial(by_hand.bare_client, url, list(bodies.values()), CONNECTIONS),
        LOOP: partial(by_hand.loop, template, jobs, url, CONNECTIONS),
        LOOPS: partial(by_hand.loop_on_all_cores, template, jobs, url, CONNECTIONS),
    }


def _told(mails: int, best: Whole, prepared: Prepared, others: Mapping[str, Took], vendor: Took) -> None:
    """Prints the best of each, and the ratios."""
    print(f"{'':<52}{'':>10} {'':>17} {'µs a mail':>10} {'of CPU':>8} {'sink':>8}")
    _line("delivery, whole", best.took, mails)
    for stage, seconds in best.stages.items():
        _line(f"  {stage}", Took(seconds, 0.0, 0.0), mails)
    _line("  of which rendering, on one core", prepared.rendering, mails)
    _line("  of which building, on one core", prepared.building, mails)
    for name, took in others.items():
        _line(name, took, mails)
    _line(f"the vendor's client in sequence ({VENDOR_MAILS} mails)", vendor, VENDOR_MAILS)
    ours, bare, loop, loops = best.took.seconds, *(others[name].seconds for name in (BARE, LOOP, LOOPS))
    print(f"delivery: {vendor.seconds / VENDOR_MAILS * mails / ours:.0f} x the vendor's client in sequence")
    print(f"delivery: {bare / others[READY].seconds:.0%} of the bare client, payloads ready; {bare / ours:.0%} whole")
    ratios = f"{ours / loop:.2f} x in one process, {ours / loops:.2f} x in one a core"
    print(f"delivery: the time of the loop that only renders and posts: {ratios}")


def _line(name: str, took: Took, mails: int) -> None:
    cpu = f"{took.cpu / mails * 1e6:8.0f} {took.sink / mails * 1e6:8.0f}" if took.cpu else ""
    print(f"{name:<52}{took.seconds:8.2f} s {mails / took.seconds:10,.0f} mails/s {took.seconds / mails * 1e6:10.0f} {cpu}".rstrip())


def main() -> None:
    """Each delay from a state of its own."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--mails", type=int, default=20_000)
    options.add_argument("--delay", type=float, nargs="+", default=[50, 5], help="of the sink's answers, in milliseconds")
    chosen = options.parse_args()
    for milliseconds in chosen.delay:
        with TemporaryDirectory(prefix="cs-engine-") as folder:
            os.environ["SSL_CERT_FILE"] = str(certified(Path(folder)))
            # A process of its own: it reads the certificate when it starts.
            process = multiprocessing.get_context("spawn").Process(target=partial(compared, Path(folder), chosen.mails, milliseconds))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
