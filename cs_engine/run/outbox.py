"""From a job to a parcel to an outcome: rendering and building on all cores, sending through the channels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cs_engine.content.cta import Alert, dressed, fitted
from cs_engine.content.failures import BrokenTemplate, RenderFailed
from cs_engine.content.library import Library
from cs_engine.content.mail import Rendered
from cs_engine.playbook.plan import WEBHOOK
from cs_engine.ports import Call, Channel, Holds, Letter, Outcome, Parcel, Person, Post, always

WORTH_A_POOL = 2_000
"""Jobs after which it pays to start processes, if more follow: a start costs about as much as rendering some thousand mails."""

_CHUNK = 50


NOBODY = Person("")


@dataclass(frozen=True, slots=True)
class Job:
    """One message to be rendered and built: plain values only, so that it can go to another process."""

    id: str
    channel: str
    """email | slack | webhook"""
    template: str
    locale: str
    context: Mapping[str, Any]
    playbook: str
    step: str
    topic: str
    at: datetime
    sender: Person = NOBODY
    reply_to: Person | None = None
    to: Person = NOBODY
    cc: tuple[Person, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    slack_channel: str = ""
    update: str = ""
    url: str = ""
    """Where a webhook goes; its `context` is what is told."""
    alert: Alert | None = None
    """Of a CTA: what is known of it beside its template."""
    text: str = ""
    """What an alarm says; it has no template."""
    pinned: tuple[str, str, str] | None = None
    """Subject, text and HTML as somebody read them: what goes instead of the template."""
    approve: str = ""
    """Of an alarm that asks for a yes: the message that it is about."""
    answer: str = ""
    """Of a CTA that asks: what its button names."""
    steered: bool = False
    """Of a CTA: whether it has buttons that skip and postpone the next step."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that could not be rendered or built; the others go on."""

    id: str
    code: str


Build = Callable[[Any], Parcel]


class Press:
    """Renders and builds, one process's worth."""

    def __init__(self, root: Path, locale: str, builders: Mapping[str, Build]) -> None:
        self.library = Library(root, locale)
        self._builders = builders

    def make(self, job: Job) -> Parcel | Failed:
        """A parcel, or why there is none. Never raises for one job's sake."""
        try:
            outgoing = self.outgoing(job)
            return outgoing if isinstance(outgoing, Failed) else self._builders[job.channel](outgoing)
        except Exception as error:  # noqa: BLE001 - whatever a template or a name does, it must not stop the others
            return Failed(job.id, f"build:{type(error).__name__}")

    def outgoing(self, job: Job) -> Letter | Post | Call | Failed:
        """The rendered message, before a channel builds its parcel of it."""
        if job.channel == WEBHOOK:
            return Call(job.id, job.url, job.context)
        try:
            return self._letter(job) if job.channel == "email" else self._post(job)
        except RenderFailed as failure:
            return Failed(job.id, f"{failure.reason}:{failure.name}" if failure.name else failure.reason)
        except BrokenTemplate:
            return Failed(job.id, "broken_template")

    def _letter(self, job: Job) -> Letter | Failed:
        template = self.library.email(job.template, job.locale)
        if template is None:
            return Failed(job.id, "no_template")
        mail = template.render(job.context) if job.pinned is None else Rendered(job.pinned[0], job.pinned[2], job.pinned[1])
        return Letter(
            id=job.id, sender=job.sender, reply_to=job.reply_to, to=job.to, cc=job.cc, subject=mail.subject, text=mail.text, html=mail.html,
            headers=job.headers, topic=job.topic, playbook=job.playbook, step=job.step, at=job.at,
        )  # fmt: skip

    def _post(self, job: Job) -> Post | Failed:
        if job.text:
            blocks: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": job.text}}]
            if job.approve:
                blocks.append(approve_buttons(job.approve, job.locale))
            return Post(id=job.id, channel=job.slack_channel, text=job.text, blocks=blocks, metadata={"playbook": job.playbook})
        template = self.library.slack(job.template, job.locale)
        if template is None:
            return Failed(job.id, "no_template")
        text, blocks = template.render(job.context)
        if job.alert is not None:
            blocks = self._dressed(job, job.alert, text, blocks)
        return Post(
            id=job.id, channel=job.slack_channel, text=text, blocks=fitted(text, blocks), update=job.update,
            metadata={"playbook": job.playbook, "step": job.step},
        )  # fmt: skip

    @staticmethod
    def _dressed(job: Job, alert: Alert, text: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A CTA's blocks; closed it has no buttons."""
        buttons: list[dict[str, Any]] = []
        if not alert.closed:
            buttons += [answer_button(job.answer, alert.locale)] if job.answer else []
            buttons += [step_buttons(job.id, alert.locale)] if job.steered else []
        return dressed(text, blocks, alert, buttons)


ANSWER_ACTION = "cs_answer"
"""The action of the button that opens a CTA's questions."""


def answer_button(token: str, locale: str) -> dict[str, Any]:
    """The block with the button by which somebody of us answers what a CTA asks."""
    word = "回答する" if locale.partition("-")[0] == "ja" else "Answer"
    button = {"type": "button", "action_id": ANSWER_ACTION, "text": {"type": "plain_text", "text": word}, "value": token}
    return {"type": "actions", "elements": [{**button, "style": "primary"}]}


APPROVE_ACTION, REFUSE_ACTION = "cs_approve", "cs_refuse"
"""The actions of the buttons below a mail that waits for a yes."""


def approve_buttons(message: str, locale: str) -> dict[str, Any]:
    """The block with the buttons by which somebody lets a mail go, or not."""
    yes, no = ("送信を承認", "送信しない") if locale.partition("-")[0] == "ja" else ("Send it", "Do not send")
    buttons = [
        {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": word}, "value": message, "style": style}
        for action, word, style in ((APPROVE_ACTION, yes, "primary"), (REFUSE_ACTION, no, "danger"))
    ]
    return {"type": "actions", "elements": buttons}


SKIP_ACTION, POSTPONE_ACTION, EDIT_ACTION = "cs_skip", "cs_postpone", "cs_edit"
"""The actions of the buttons below an alert that change what its passage does next."""
POSTPONED_BY = 3
"""Days."""


def step_buttons(message: str, locale: str) -> dict[str, Any]:
    """The block with the buttons by which somebody of us skips, postpones or rewrites what an alert's passage does next."""
    ja = locale.partition("-")[0] == "ja"
    en = ("Skip the next step", f"Postpone by {POSTPONED_BY} days", "Edit the next mail")
    said = ("次のステップを省略", f"{POSTPONED_BY}日延期", "次のメールを編集") if ja else en
    buttons = [
        {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": word}, "value": message}
        for action, word in zip((SKIP_ACTION, POSTPONE_ACTION, EDIT_ACTION), said, strict=True)
    ]
    return {"type": "actions", "elements": buttons}


class Outbox:
    """Makes parcels and sends them. Processes are started when there is enough to do, and kept."""

    def __init__(
        self, root: Path, locale: str, channels: Mapping[str, Channel[Any]], builders: Mapping[str, Build], processes: int | None = None
    ) -> None:
        self._arguments = (root, locale, dict(builders))
        self.press = Press(*self._arguments)
        self._channels = channels
        self._processes = _cores() if processes is None else processes
        self._pool: ProcessPoolExecutor | None = None
        self._started: list[Future[None]] = []
        self._made = 0

    @property
    def channels(self) -> list[str]:
        """The ways out, in the order in which they are served."""
        return list(self._channels)

    @property
    def renders_beside(self) -> bool:
        """Whether other processes render while this one does something else."""
        return self._pool is not None and all(start.done() for start in self._started)

    def start_processes(self) -> None:
        """Starts the processes that render; until they are there this one does."""
        # Forked workers would inherit this process's threads and connections.
        self._pool = ProcessPoolExecutor(self._processes, get_context("spawn"), _start_worker, self._arguments)
        self._started = [self._pool.submit(_stand_ready) for _ in range(self._processes)]

    def make(self, jobs: Sequence[Job], *, more: bool = False) -> Callable[[], list[Parcel | Failed]]:
        """Begins to make a parcel or a failure of each job; call what is returned to have them, in order. `more`: others will follow."""
        self._made += len(jobs)
        if self._pool is None and self._processes > 1 and more and self._made >= WORTH_A_POOL:
            self.start_processes()
        if self._pool is None or not self.renders_beside:
            return lambda: self._make_here(jobs)
        try:
            parts = [self._pool.submit(_make_chunk, jobs[i : i + _CHUNK]) for i in range(0, len(jobs), _CHUNK)]
        except BrokenProcessPool:
            return lambda: self._make_after_all(jobs)

        def made() -> list[Parcel | Failed]:
            try:
                return [parcel for part in parts for parcel in part.result()]
            except BrokenProcessPool:
                return self._make_after_all(jobs)

        return made

    def _make_after_all(self, jobs: Sequence[Job]) -> list[Parcel | Failed]:
        """One of the processes was killed, for its memory perhaps. Rendering is pure: what is lost is done again, in this one."""
        self._processes, self._pool = 1, None
        return self._make_here(jobs)

    def _make_here(self, jobs: Sequence[Job]) -> list[Parcel | Failed]:
        return [self.press.make(job) for job in jobs]

    def send(self, channel: str, parcels: Sequence[Parcel], holds: Holds = always) -> list[Outcome]:
        """Posts all that is held; one outcome a parcel, in order."""
        return self._channels[channel].send(parcels, holds)

    def lookup(self, channel: str, ids: Sequence[str]) -> Mapping[str, Outcome]:
        """What the channel knows of messages whose fate is not known."""
        return self._channels[channel].lookup(ids)

    def close(self) -> None:
        """Ends the processes and closes the channels."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        for channel in self._channels.values():
            channel.close()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_press: Press | None = None


def _start_worker(root: Path, locale: str, builders: Mapping[str, Build]) -> None:
    global _press  # noqa: PLW0603 - one press a worker process
    _press = Press(root, locale, builders)


def _stand_ready() -> None:
    """Told of a process that has been started."""


def _make_chunk(jobs: Sequence[Job]) -> list[Parcel | Failed]:
    assert _press is not None
    return [_press.make(job) for job in jobs]
