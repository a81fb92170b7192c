"""From a job to a parcel to an outcome: rendering and building on all cores, sending through the channels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cs_engine.content.blocks import MOST_TEXT, shortened
from cs_engine.content.cta import Alert, dressed, fitted
from cs_engine.content.failures import BrokenTemplate, RenderFailed
from cs_engine.content.folding import NOTHING_SHARED, Shared
from cs_engine.content.library import Library
from cs_engine.content.mail import EmailTemplate, Rendered
from cs_engine.ports import Call, Channel, Letter, Logged, Outcome, Parcel, Person, Post, Trace

if TYPE_CHECKING:
    from cs_engine.run.delivery.hands import Hand, Openers
    from cs_engine.run.delivery.lease import Lease

WORTH_A_POOL = 2_000
"""Jobs that have to be waiting for processes to be worth their start, which costs about as much as rendering some thousand mails."""

MOST_FLYING = 2
"""Batches on their way at once, so that other processes always have something to do. So many are in doubt when this one dies."""

NOBODY = Person("")


class Job(NamedTuple):
    """One message to be rendered and built: plain values only, so that it can go to another process."""

    id: str
    channel: str
    """email | slack | webhook"""
    template: str
    locale: str
    context: Mapping[str, Any]
    """What its template reads, beside what is `shared`."""
    playbook: str
    step: str
    topic: str
    at: datetime
    shared: Shared = NOTHING_SHARED
    sender: Person = NOBODY
    reply_to: Person | None = None
    to: Person = NOBODY
    cc: tuple[Person, ...] = ()
    headers: Mapping[str, str] = {}
    slack_channel: str = ""
    update: str = ""
    url: str = ""
    """Where a webhook goes, and no other: its `context` is what is told."""
    alert: Alert | None = None
    """Of a CTA: what is known of it beside its template."""
    text: str = ""
    """What an alarm says; it has no template."""
    blocks: Sequence[Mapping[str, Any]] = ()
    """Of an alarm: how it is laid out; none: its text in one block."""
    thread: str = ""
    """Of an alarm: where the message stands that it replies to."""
    pinned: tuple[str, str, str] | None = None
    """Subject, text and HTML as somebody read them: what goes instead of the template."""
    approve: str = ""
    """Of an alarm that asks for a yes: the message that it is about."""
    answer: str = ""
    """Of a CTA that asks: what its button names."""
    speaker: str = ""
    """Of a CTA: in whose name it speaks; '' in the app's own."""
    steered: bool = False
    """Of a CTA: whether it has buttons that skip and postpone the next step."""

    @property
    def values(self) -> dict[str, Any]:
        """All that its template reads."""
        return {**self.shared.values, **self.context}


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that could not be rendered or built; the others go on."""

    id: str
    code: str


Build = Callable[[Any], Parcel]


WORTH_FOLDING = 40
"""Mails with the same shared values that have to have been made for a template of their own to be worth compiling."""
_MOST_FOLDED = 256


class Press:
    """Renders and builds, one process's worth."""

    def __init__(self, root: Path, locale: str, builders: Mapping[str, Build]) -> None:
        self.library = Library(root, locale)
        self._builders = builders
        self._made: Counter[tuple[str, str, bytes]] = Counter()
        self._folded: dict[tuple[str, str, bytes], EmailTemplate] = {}

    def make(self, job: Job) -> Parcel | Failed:
        """A parcel, or why there is none. Never raises for one job's sake."""
        try:
            outgoing = self.outgoing(job)
            return outgoing if isinstance(outgoing, Failed) else self._builders[job.channel](outgoing)
        except Exception as error:  # noqa: BLE001 - whatever a template or a name does, it must not stop the others
            return Failed(job.id, f"build:{type(error).__name__}")

    def outgoing(self, job: Job) -> Letter | Post | Call | Failed:
        """The rendered message, before a channel builds its parcel of it."""
        if job.url:
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
        if job.pinned is not None:
            mail = Rendered(job.pinned[0], job.pinned[2], job.pinned[1])
        else:
            mail = self._folding(template, job).render(job.values)
        return Letter(
            id=job.id, sender=job.sender, reply_to=job.reply_to, to=job.to, cc=job.cc, subject=mail.subject, text=mail.text, html=mail.html,
            headers=job.headers, topic=job.topic, playbook=job.playbook, step=job.step, at=job.at,
        )  # fmt: skip

    def _folding(self, template: EmailTemplate, job: Job) -> EmailTemplate:
        """The template, into which is written what so many mails share."""
        if not job.shared.key or not job.shared.values.keys().isdisjoint(job.context):  # what is a mail's own wins
            return template
        key = (job.template, job.locale, job.shared.key)
        if (folded := self._folded.get(key)) is not None:
            return folded
        self._made[key] += 1
        if self._made[key] < WORTH_FOLDING:
            return template
        if len(self._folded) >= _MOST_FOLDED:
            self._folded.clear()
        self._folded[key] = template.folded(job.shared.values)
        return self._folded[key]

    def _post(self, job: Job) -> Post | Failed:
        if job.text:
            plain = [{"type": "section", "text": {"type": "mrkdwn", "text": shortened(job.text, MOST_TEXT)}}]
            blocks: list[dict[str, Any]] = fitted(job.text, job.blocks) if job.blocks else plain
            if job.approve:
                blocks.append(approve_buttons(job.approve, job.locale))
            metadata = {"playbook": job.playbook}
            return Post(id=job.id, channel=job.slack_channel, text=job.text, blocks=blocks, metadata=metadata, thread=job.thread)
        template = self.library.slack(job.template, job.locale)
        if template is None:
            return Failed(job.id, "no_template")
        text, blocks = template.render(job.values)
        if job.alert is not None:
            blocks = self._dressed(job, job.alert, text, blocks)
        return Post(
            id=job.id, channel=job.slack_channel, text=text, blocks=fitted(text, blocks), update=job.update,
            metadata={"playbook": job.playbook, "step": job.step}, speaker=job.speaker,
        )  # fmt: skip

    @staticmethod
    def _dressed(job: Job, alert: Alert, text: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A CTA's blocks; closed it has no buttons, and a copy has none."""
        buttons: list[dict[str, Any]] = []
        if not alert.closed and not alert.owner:
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


class NotSent(Exception):
    """Nothing of a batch has left: it failed before."""


class Outbox:
    """Makes parcels and sends them: here, or on all cores once there is enough to do. Processes that were started are kept."""

    def __init__(
        self,
        root: Path,
        locale: str,
        channels: Mapping[str, Channel[Any]],
        builders: Mapping[str, Build],
        processes: int | None = None,
        openers: Openers | None = None,
    ) -> None:
        """`openers`: of the channels that may post from other processes too."""
        self._arguments = (root, locale, dict(builders))
        self.press = Press(*self._arguments)
        self._channels = channels
        self._openers = dict(openers or {})
        self._processes = _cores() if processes is None else processes
        self._hands: list[Hand] = []
        self._retired: list[Hand] = []

    @property
    def channels(self) -> list[str]:
        """The ways out, in the order in which they are served."""
        return list(self._channels)

    def vendor(self, channel: str) -> str:
        """Who takes what goes that way: mailbox | sendgrid | smtp | slack | https."""
        return self._channels[channel].name

    def posts_beside(self, channel: str) -> bool:
        """Whether other processes render and post for this channel while this one does something else."""
        return channel in self._openers and bool(self._hands) and all(hand.ready for hand in self._hands)

    def start_processes(self) -> None:
        """Has the processes started that render and post; until they are there, and where none can be started, this one does it."""
        from cs_engine.run.delivery.hands import Hand

        try:
            for _ in range(self._processes):
                self._hands.append(Hand(*self._arguments, self._openers, self._processes))
        except OSError:  # the machine has no room for them
            self._fall_back()

    def grows(self, channel: str) -> bool:
        """Whether other processes would be started for this channel if there were much to do."""
        return channel in self._openers and self._processes > 1 and not self._hands

    def post(self, channel: str, jobs: Sequence[Job], lease: Lease, *, left: int = 0) -> Callable[[], list[Outcome | Failed]]:
        """Renders and sends what the lease holds; call what is returned for what became of each job, in no order. `left`: how many more
        are waiting.

        Where `posts_beside`, it has begun already when this returns, and may have when it is interrupted. Else all is done in the call,
        which raises NotSent when it fails before anything left.
        """
        if jobs and left >= WORTH_A_POOL and self.grows(channel):
            self.start_processes()
        if not self.posts_beside(channel):
            return partial(self._post_alone, channel, jobs, lease)
        share = -(-len(jobs) // len(self._hands))
        parts = [jobs[i : i + share] for i in range(0, len(jobs), share)]
        posting = [(part, self._begun(hand, channel, part, lease)) for hand, part in zip(self._hands, parts, strict=False)]
        return lambda: [outcome for part, ended in posting for outcome in self._outcomes(channel, part, lease, ended)]

    def _begun(self, hand: Hand, channel: str, jobs: Sequence[Job], lease: Lease) -> Callable[[], list[Outcome | Failed]] | None:
        try:
            return hand.post(channel, jobs, lease.ends)
        except BrokenProcessPool:
            return None

    def _outcomes(
        self, channel: str, jobs: Sequence[Job], lease: Lease, ended: Callable[[], list[Outcome | Failed]] | None
    ) -> list[Outcome | Failed]:
        """What a process says became of its part. When it was killed, for its memory perhaps, its channel may know."""
        if ended is not None:
            try:
                return ended()
            except BrokenProcessPool:
                pass
        self._fall_back()
        # One that was dead before it was told of them has sent none.
        known = self.lookup(channel, [job.id for job in jobs]) if ended is not None else {job.id: Outcome(job.id, "retry") for job in jobs}
        again = {id for id, outcome in known.items() if outcome.kind == "retry"}  # surely never left: that process is gone
        told = [known.get(job.id) or Outcome(job.id, "uncertain", "process_died") for job in jobs if job.id not in again]
        return [*told, *self._send(channel, [self.press.make(job) for job in jobs if job.id in again], lease)]

    def _fall_back(self) -> None:
        """From now on all is done in this process; what the others have begun, they end."""
        self._processes = 1
        self._retired += self._hands
        self._hands = []

    def _post_alone(self, channel: str, jobs: Sequence[Job], lease: Lease) -> list[Outcome | Failed]:
        try:
            made = [self.press.make(job) for job in jobs]
        except BaseException as failure:
            raise NotSent from failure
        return self._send(channel, made, lease)

    def _send(self, channel: str, made: Sequence[Parcel | Failed], lease: Lease) -> list[Outcome | Failed]:
        failed = [one for one in made if isinstance(one, Failed)]
        return [*failed, *self._channels[channel].send([one for one in made if isinstance(one, Parcel)], lease.holds)]

    def lookup(self, channel: str, ids: Sequence[str]) -> Mapping[str, Outcome]:
        """What the channel knows of messages whose fate is not known."""
        return self._channels[channel].lookup(ids)

    def search(self, channel: str, traces: Sequence[Trace]) -> Mapping[str, Outcome]:
        """What the record of the channel's provider has of them, where it keeps one that can be searched."""
        way = self._channels[channel]
        return way.search(traces) if traces and isinstance(way, Logged) else {}

    def close(self) -> None:
        """Ends the processes and closes the channels."""
        for hand in (*self._hands, *self._retired):
            hand.close()
        self._hands, self._retired = [], []
        for channel in self._channels.values():
            channel.close()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
