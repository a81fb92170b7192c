"""Delivery whole: claim, render, build, send and settle N mails through SendGrid's channel to a local sink, by phase.

    .venv/bin/python -m benchmarks.deliver [--mails 20000] [--delay 5 50]

Real SQLite (synchronous=FULL), the shipped mail `onboarding/welcome`, rendering on all cores. In the same run, for the ratios: a bare
pooled client that posts the very same payloads over as many connections, and the bare render of the same compiled templates with
the same contexts on all cores. The floor of the whole is the slower of the two, for the one can run beside the other.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import multiprocessing
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr

from benchmarks.send import KEY, bare_workers, sink
from cs_engine.ports import Parcel
from cs_engine.run import deliver as delivery
from cs_engine.run.context import Engine
from cs_engine.run.letters import Letters
from cs_engine.run.outbox import Job
from cs_engine.run.tick import run_tick
from cs_engine.settings import Settings
from cs_engine.wiring import SENDGRID_CONNECTIONS as CONNECTIONS
from cs_engine.wiring import assemble

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


@contextmanager
def serving(milliseconds: float) -> Any:
    """A sink in a process of its own; its base URL."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=sink, args=(milliseconds / 1000, theirs), daemon=True)
    server.start()
    yield f"http://127.0.0.1:{ours.recv()}"
    server.terminate()
    server.join()


class Watched:
    """Seconds by phase of one delivery, and what went through it."""

    def __init__(self, engine: Engine) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.jobs: list[Job] = []
        self.parcels: list[Parcel] = []
        store: Any = engine.store
        outbox: Any = engine.outbox
        store.claim, store.settle = self._timed("claim", store.claim), self._timed("settle", store.settle)
        letters: Any = Letters
        self._jobs = letters.jobs
        letters.jobs = self._timed("values", letters.jobs)
        make, send = outbox.make, outbox.send

        def made(jobs: Sequence[Job], **options: Any) -> Callable[[], Any]:
            self.jobs += jobs
            return self._timed("render and build, waited for", self._timed("hand over to processes", make)(jobs, **options))

        def sent(channel: str, parcels: Sequence[Parcel]) -> Any:
            self.parcels += parcels
            return self._timed("send", send)(channel, parcels)

        outbox.make, outbox.send = made, sent

    def done(self) -> None:
        letters: Any = Letters
        letters.jobs = self._jobs

    def _timed(self, phase: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return work(*args, **options)
            finally:
                self.seconds[phase] += time.perf_counter() - began

        return timed


def _settings(folder: Path, base_url: str) -> Settings:
    return Settings(cs_engine_project=folder, cs_engine_email="sendgrid", sendgrid_api_key=SecretStr(KEY), sendgrid_base_url=base_url)


def deliver(folder: Path, mails: int, milliseconds: float) -> None:
    """One delivery, and beside it what a bare client and a bare render need for the same."""
    with serving(milliseconds) as base, assemble(_settings(folder, base)) as assembled:
        engine = assembled.engine
        assembled.refresh()
        seconds = cpu = 0.0

        def do(playbook: str, step: str, work: Callable[[], None]) -> None:
            nonlocal seconds, cpu
            began, cpu_began = time.perf_counter(), time.process_time()
            work()
            if (playbook, step) == ("", "deliver"):
                seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began

        watched = Watched(engine)
        report = run_tick(engine, NOW, do=do)
        watched.done()
        assert report.delivery["accepted"] == mails, (report.delivery, report.failures)
        print(f"\n{mails:,} mails, a sink of {milliseconds:g} ms, {CONNECTIONS} connections, batches of {delivery.BATCH}")
        _line("whole", seconds, mails)
        for phase, spent in watched.seconds.items():
            _line(f"  {phase}", spent, mails)
        bodies = [parcel.body for parcel in watched.parcels]
        sending = min(_seconds(lambda: asyncio.run(bare_workers(f"{base}/v3/mail/send", bodies, CONNECTIONS))) for _ in range(2))
        _line("bare client, same payloads", sending, mails)
        cpu_began = time.process_time()
        asyncio.run(bare_workers(f"{base}/v3/mail/send", bodies, CONNECTIONS))
        bare_cpu = time.process_time() - cpu_began
        print(f"processor time of this process alone: {cpu / mails * 1e6:.0f} µs a mail, the bare client's {bare_cpu / mails * 1e6:.0f}")
        bare, whole = rendering(engine, list(watched.jobs))
        _line("bare render of the same, all cores", bare, mails)
        _line("whole render and build, all cores, by itself", whole, mails)
        print(f"sending {sending / watched.seconds['send']:.0%} of the bare client; delivery {sending / seconds:.0%} of it")
        print(f"a mail's render and build {whole / bare:.2f} of its bare render")
        print(f"delivery {max(sending, bare) / seconds:.0%} of the slower of the two")


def rendering(engine: Engine, jobs: Sequence[Job]) -> tuple[float, float]:
    """Seconds of the bare render, and of ours with building and the way between processes."""
    template = engine.outbox.press.library.email(jobs[0].template, jobs[0].locale)
    assert template is not None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def bare(part: int) -> None:
        for job in jobs[part::cores]:
            for piece in (template.subject, template.html, template.text):
                piece.render(job.context)

    def on_all_cores() -> None:
        # Forked, so that the contexts need not travel; nothing of the parent's is used but them and the templates.
        processes = [multiprocessing.get_context("fork").Process(target=bare, args=(part,)) for part in range(cores)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()

    def on_the_processes() -> None:
        engine.outbox.make(jobs)()

    return min(_seconds(on_all_cores) for _ in range(2)), min(_seconds(on_the_processes) for _ in range(2))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _line(name: str, seconds: float, mails: int) -> None:
    print(f"{name:<48}{seconds:8.2f} s {mails / seconds:10,.0f} mails/s {seconds / mails * 1e6:8.0f} µs a mail")


def main() -> None:
    """Each delay from a state of its own."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--mails", type=int, default=20_000)
    options.add_argument("--delay", type=float, nargs="+", default=[5, 50], help="of the sink's answers, in milliseconds")
    given = options.parse_args()
    for milliseconds in given.delay:
        with TemporaryDirectory(prefix="cs-engine-") as folder:
            write_project(Path(folder), given.mails)
            # A process of its own: a delivery finds nothing warm.
            process = multiprocessing.get_context("spawn").Process(target=partial(deliver, Path(folder), given.mails, milliseconds))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
