"""From a job to a parcel: rendering and building, plain values in and out, so that it can be done in any process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from cs_engine.content.blocks import MOST_TEXT, shortened
from cs_engine.content.cta import Alert, dressed, fitted
from cs_engine.content.failures import BrokenTemplate, RenderFailed
from cs_engine.content.folding import NOTHING_SHARED, Shared
from cs_engine.content.library import Library
from cs_engine.content.mail import EmailTemplate, Rendered
from cs_engine.ports import Call, Letter, Parcel, Person, Post
from cs_engine.run.delivery.buttons import answer_button, approve_buttons, step_buttons

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
    browsed: bool = False
    """Of the same: whether that can be read in a browser."""
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
                blocks.append(approve_buttons(job.approve, job.locale, browsed=job.browsed))
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
