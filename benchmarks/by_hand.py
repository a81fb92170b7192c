"""What one would write by hand, and what the vendor ships: those that delivery is measured against. None of them keeps any state."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import ssl
from collections.abc import Iterable, Sequence
from functools import partial

import aiohttp
import orjson

from benchmarks.send import KEY, bare_workers
from cs_engine.content.mail import EmailTemplate
from cs_engine.run.delivery.press import Job


def bare_client(url: str, bodies: Sequence[bytes], connections: int) -> None:
    """A pooled client in one process, whose payloads are ready."""
    accepted = asyncio.run(bare_workers(url, bodies, connections, ssl.create_default_context()))
    assert accepted == len(bodies)


def loop(template: EmailTemplate, jobs: Iterable[Job], url: str, connections: int) -> None:
    """Renders each mail with Jinja in its sandbox and posts it at once, in one process: a pooled client, workers over one iterator."""
    asyncio.run(_loop(template, jobs, url, connections))


def loop_on_all_cores(template: EmailTemplate, jobs: Sequence[Job], url: str, connections: int) -> None:
    """The same, a process a core, each with its part of mails and connections."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Forked, so that the values need not travel; nothing of the parent's is used but them and the template.
    fork = multiprocessing.get_context("fork")
    parts = [partial(loop, template, jobs[part::cores], url, connections // cores) for part in range(cores)]
    processes = [fork.Process(target=part) for part in parts]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


async def _loop(template: EmailTemplate, jobs: Iterable[Job], url: str, connections: int) -> None:
    queue = iter(jobs)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=connections, ssl=ssl.create_default_context())
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def work() -> None:
            for job in queue:
                mail = template.render(job.values)
                body = {
                    "from": {"email": job.sender.email, "name": job.sender.name},
                    "personalizations": [{"to": [{"email": job.to.email, "name": job.to.name}]}],
                    "subject": mail.subject,
                    "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
                    "custom_args": {"cs_message_id": job.id},
                }
                async with session.post(url, data=orjson.dumps(body)) as response:
                    assert response.status == 202

        await asyncio.gather(*(work() for _ in range(connections)))


def vendors_client(base: str, bodies: Sequence[bytes]) -> None:
    """The vendor's own client, a mail after the other, as its documentation shows it."""
    import sendgrid  # type: ignore[import-untyped]  # the vendor ships no types

    client = sendgrid.SendGridAPIClient(KEY, host=base)
    for body in bodies:
        client.send(json.loads(body))
