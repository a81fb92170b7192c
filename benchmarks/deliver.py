"""Delivery whole: claim, render, build, send over TLS and settle N mails through SendGrid's channel to a local sink, by stage.

    .venv/bin/python -m benchmarks.deliver [--mails 20000] [--delay 50 5]

Real SQLite (synchronous=FULL), the shipped mail `onboarding/welcome`, all cores. In the same run, against the same sink, for the ratios:
the vendor's own client called in sequence; a bare pooled client in one process that posts the very same payloads, rendered before; and
a loop that only renders and posts them, on all cores. The certificate is one of a bundle of the usual length: who loads it for each
mail, as the vendor's client does, pays for it here as anywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import ipaddress
import json
import multiprocessing
import os
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from benchmarks.send import KEY, bare_workers, sink
from cs_engine.channels.sendgrid import SendgridChannel
from cs_engine.ports import Letter, Parcel
from cs_engine.run.context import Engine
from cs_engine.run.delivery import deliver as delivery
from cs_engine.run.delivery.letters import Letters
from cs_engine.run.delivery.outbox import Job
from cs_engine.run.tick import run_tick
from cs_engine.settings import Settings
from cs_engine.wiring import MOST_OF_ALL as CONNECTIONS
from cs_engine.wiring import assemble

VENDOR_MAILS = 30

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


def certified(folder: Path) -> Path:
    """Makes a certificate and key for 127.0.0.1, `sink.pem`, and the usual bundle with it among the others, for SSL_CERT_FILE: returned."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a sink")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "sink.pem").write_bytes(made + secret)
    (folder / "bundle.pem").write_bytes(made + Path(certifi.where()).read_bytes())
    return folder / "bundle.pem"


@contextmanager
def serving(milliseconds: float, certificate: Path) -> Iterator[str]:
    """A sink in a process of its own; its base URL."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=sink, args=(milliseconds / 1000, theirs, certificate), daemon=True)
    server.start()
    yield f"https://127.0.0.1:{ours.recv()}"
    server.terminate()
    server.join()


class Watched:
    """Seconds by stage of one delivery in this process, and what went through it."""

    def __init__(self, engine: Engine) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.jobs: list[Job] = []
        store, outbox, letters = engine.store, engine.outbox, Letters
        for owner, method, stage in (
            (store, "claim", "claim"),
            (store, "settle", "settle"),
            (letters, "jobs", "values"),
        ):
            setattr(owner, method, self._timed(stage, getattr(owner, method)))
        post = outbox.post

        def posted(channel: str, jobs: Sequence[Job], *given: Any, **options: Any) -> Callable[[], Any]:
            self.jobs += jobs
            return self._timed("render, build and post, waited for", self._timed("hand over", post)(channel, jobs, *given, **options))

        setattr(outbox, "post", posted)  # noqa: B010

    def _timed(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return work(*args, **options)
            finally:
                self.seconds[stage] += time.perf_counter() - began

        return timed


def _settings(folder: Path, base_url: str) -> Settings:
    return Settings(cs_engine_project=folder, cs_engine_email="sendgrid", sendgrid_api_key=SecretStr(KEY), sendgrid_base_url=base_url)


def deliver(folder: Path, mails: int, milliseconds: float) -> None:
    """One delivery, and beside it what others need for the same."""
    with serving(milliseconds, folder / "sink.pem") as base, assemble(_settings(folder, base)) as assembled:
        engine = assembled.engine
        assembled.refresh()
        seconds = 0.0

        def do(playbook: str, step: str, work: Callable[[], None]) -> None:
            nonlocal seconds
            began = time.perf_counter()
            work()
            if (playbook, step) == ("", "deliver"):
                seconds = time.perf_counter() - began

        watched = Watched(engine)
        report = run_tick(engine, NOW, do=do)
        assert report.delivery["accepted"] == mails, (report.delivery, report.failures)
        print(f"\n{mails:,} mails over TLS, a sink of {milliseconds:g} ms, {CONNECTIONS} connections, batches of {delivery.BATCH}")
        _line("delivery, whole", seconds, mails)
        for stage, spent in watched.seconds.items():
            _line(f"  {stage}", spent, mails)
        url, jobs = f"{base}/v3/mail/send", watched.jobs
        press = engine.outbox.press
        letters, rendering = _timed(lambda: [press.outgoing(job) for job in jobs])
        payloads, building = _timed(lambda: [SendgridChannel.build(letter) for letter in letters if isinstance(letter, Letter)])
        _line("  of which rendering, on one core", rendering, mails)
        _line("  of which building, on one core", building, mails)
        engine.outbox.close()  # its processes need no memory while others run
        bodies = [payload.body for payload in payloads]
        context = ssl.create_default_context()
        bare = min(_timed(lambda: asyncio.run(bare_workers(url, bodies, CONNECTIONS, context)))[1] for _ in range(3))
        _line("bare client, payloads ready, one process", bare, mails)
        loop = min(_timed(lambda: loop_on_all_cores(engine, jobs, url))[1] for _ in range(3))
        _line("loop that renders and posts, all cores", loop, mails)
        vendor = vendors(base, payloads[:VENDOR_MAILS])
        _line(f"the vendor's client in sequence ({VENDOR_MAILS} mails)", vendor, VENDOR_MAILS)
        print(f"delivery: {vendor / VENDOR_MAILS * mails / seconds:.0f} x the vendor's client in sequence")
        print(f"delivery: {bare / seconds:.0%} of the bare client, which renders nothing")
        print(f"delivery: {seconds / loop:.2f} x the time of the loop that only renders and posts")


def vendors(base: str, payloads: Sequence[Parcel]) -> float:
    """Seconds of the vendor's own client, a mail after the other, as its documentation shows it."""
    import sendgrid  # type: ignore[import-untyped]  # the vendor ships no types

    client = sendgrid.SendGridAPIClient(KEY, host=base)
    bodies = [json.loads(payload.body) for payload in payloads]
    return _timed(lambda: [client.send(body) for body in bodies])[1]


def loop_on_all_cores(engine: Engine, jobs: Sequence[Job], url: str) -> None:
    """What one would write by hand: a process a core renders its part with the same compiled templates, and posts each mail at once."""
    template = engine.outbox.press.library.email(jobs[0].template, jobs[0].locale)
    assert template is not None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

    async def post(part: Sequence[Job]) -> None:
        queue = iter(part)
        connector = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context())
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def work() -> None:
                for job in queue:
                    mail = template.render(job.context)
                    body = {
                        "from": {"email": job.sender.email, "name": job.sender.name},
                        "personalizations": [{"to": [{"email": job.to.email, "name": job.to.name}]}],
                        "subject": mail.subject,
                        "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
                        "custom_args": {"cs_message_id": job.id},
                    }
                    async with session.post(url, data=json.dumps(body).encode()) as response:
                        assert response.status == 202

            await asyncio.gather(*(work() for _ in range(CONNECTIONS // cores)))

    # Forked, so that the contexts need not travel; nothing of the parent's is used but them and the templates.
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=lambda part=part: asyncio.run(post(jobs[part::cores]))) for part in range(cores)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    made = work()
    return made, time.perf_counter() - began


def _line(name: str, seconds: float, mails: int) -> None:
    print(f"{name:<52}{seconds:8.2f} s {mails / seconds:10,.0f} mails/s {seconds / mails * 1e6:8.0f} µs a mail")


def main() -> None:
    """Each delay from a state of its own."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--mails", type=int, default=20_000)
    options.add_argument("--delay", type=float, nargs="+", default=[50, 5], help="of the sink's answers, in milliseconds")
    given = options.parse_args()
    for milliseconds in given.delay:
        with TemporaryDirectory(prefix="cs-engine-") as folder:
            write_project(Path(folder), given.mails)
            os.environ["SSL_CERT_FILE"] = str(certified(Path(folder)))
            # A process of its own: a delivery finds nothing warm.
            process = multiprocessing.get_context("spawn").Process(target=partial(deliver, Path(folder), given.mails, milliseconds))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
