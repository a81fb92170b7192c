"""The frozen plan of a playbook: a list of steps with edges. One plan, many readers: run, why, draw, preview.

Blocks are flattened. Every edge but one runs forward in `Plan.steps`, so one pass in that order moves everybody as far as
they can go; the one that runs back, from the end of an `otherwise` block to its wait (`after: keep_waiting`), parks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from cs_engine.language.expression import AT_ENTRY, Duration, Expression, Grain, Type
from cs_engine.language.problems import Place
from cs_engine.playbook.checklist import ToDo
from cs_engine.playbook.questions import Question

Scalar = str | int | float | bool | None
TRANSACTIONAL = "transactional"
"""The topic of mail that people wait for: no cap, hold, holdout or unsubscribe."""
MILESTONE_LINE = "milestone"
"""The Slack template of a milestone notice's line: templates/slack/milestone.yaml."""

SHADOW = "~shadow"
"""Ends the digest of a plan whose passages have no effect."""
WEBHOOK = "webhook"
"""The channel of webhook steps."""

Localised = Mapping[str, str]
"""Locale -> text; '' is the locale of last resort."""


def shadow_of(plan: Plan) -> Plan:
    """The same plan for shadow passages."""
    return replace(plan, digest=f"{plan.digest}{SHADOW}", holdout=0.0)


@dataclass(frozen=True, slots=True)
class Edge:
    """Where one goes next. `to` is a step id, or None for the end of the playbook."""

    to: str | None
    otherwise_done: bool = False
    """Set on the edge that runs back to a wait whose `otherwise` has been run."""


@dataclass(frozen=True, slots=True)
class People:
    """Whom a message goes to.

    One of the three. `role` is champion | operators | everyone | csm | csm.manager | a staff role | subject; `condition` is over contact.*.
    """

    role: str | None = None
    condition: Expression | None = None
    answer: Expression | None = None
    """The contact that somebody named: over the subject, its value the contact's id."""

    def __str__(self) -> str:
        by = self.condition or self.answer
        return by.text if by else str(self.role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What all steps have. `only_if` false: passed by, with the reason in the journal."""

    id: str
    place: Place = field(compare=False)
    """Where it stands; of a step that sends, where it names its template or milestone."""
    next: Edge
    only_if: Expression | None = None
    watched_by: tuple[str, ...] = ()
    """The waits in whose `otherwise` block this step lies, outermost first: once one is met, its block is left."""


@dataclass(frozen=True, slots=True)
class Repeat:
    every: Duration
    times: int
    """How often at most, the first one counted."""
    until: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingStep(Step):
    """What steps have that send."""

    expires: Duration | None = None
    """A message that is not sent so long after it was planned is skipped."""
    repeat: Repeat | None = None


@dataclass(frozen=True, slots=True)
class Approve:
    """Somebody of us reads each mail before it goes."""

    by: str
    """csm | csm.manager | a staff role | a staff e-mail"""
    within: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressedStep(SendingStep):
    """What steps have that send to people."""

    template: str
    to: People
    sender: str | None = None
    """`from`: csm | csm.manager | a staff role | a staff e-mail. None: mail as project.yaml says, an alert in the app's own name."""
    cc: tuple[str, ...] = ()
    """Who of us gets a copy, in the same words."""
    ask: tuple[Question, ...] = ()
    approve: Approve | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Email(AddressedStep):
    """A mail. Its template's name lies below templates/email/, or is a path of the project when written ./beside."""

    uncertain: Literal["ask", "drop", "resend"] = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(AddressedStep):
    """A milestone notice: a mail to the customer and a line to the CSM's channel."""

    milestone: str
    uncertain: Literal["ask", "drop", "resend"] = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cta(AddressedStep):
    """An alert. Its template's name lies below templates/slack/."""

    priority: Literal["low", "normal", "high"] = "normal"
    due: Duration | None = None
    close_when: Expression | None = None
    """None: closed when the enclosing wait is met, else at goal or exit."""
    checklist: tuple[ToDo, ...] = ()
    minutes: int = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook(SendingStep):
    """Tells another system."""

    endpoint: str
    """An address, or a name in project.yaml's `webhooks`; looked up when it is posted."""
    reads: Mapping[str, str]
    """What goes along: its name in the JSON -> the column, or `vars.…`."""
    uncertain: Literal["ask", "drop", "resend"] = "resend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Step):
    duration: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitUntil(Step):
    until: Expression
    at_most: Duration | None = None
    otherwise: str | None = None
    """First step of the block that runs once when `at_most` has passed."""
    after: Literal["continue", "keep_waiting", "stop"] = "continue"
    """After `at_most` (and the block, when there is one)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitDate(Step):
    """Waits for the time that `at` gives, before the step that has it; its id is that step's and `.at`."""

    at: Expression
    """Of type time; looked up anew in every tick."""
    if_late: Literal["skip", "now"] | None
    """None: skip if it was before the day of entry."""
    skip: Edge
    """Where those go who are too late, or for whom `at` is blank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch(Step):
    """`if/then/else`. `next` is where the block goes on; `then` and `otherwise` are first steps, or `next` when empty."""

    condition: Expression
    then: Edge
    otherwise: Edge


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of a split; `weight` of a hundred accounts take it. `to` is its first step, or where the split goes on when it has none."""

    name: str
    weight: float
    to: Edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Split(Step):
    """Sends accounts different ways. `next` is where it goes on after them."""

    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Set(Step):
    """Sets attributes of the account."""

    values: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrol(Step):
    """Enrols the subject into another playbook."""

    playbook: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Step):
    """The passage ends here, done."""


AnyStep = Email | Notice | Cta | Webhook | Wait | WaitUntil | WaitDate | Branch | Split | Set | Enrol | Stop
Sending = Email | Notice | Cta | Webhook


def own_recipients(step: Sending) -> Expression | None:
    """The condition over contacts of a step's `to` that hangs on the passage, such as `contact.id = event.contact`; None for all others."""
    to = None if isinstance(step, Webhook) else step.to.condition
    return to if to is not None and to.of_passage else None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every so many minutes, or a cron line in the project's zone."""

    text: str
    every_minutes: int | None = None
    cron: str | None = None


@dataclass(frozen=True, slots=True)
class Mode:
    """`live`; `shadow`: nothing leaves; `canary`: this share of the accounts may enter; `ramp`: so many more of them every day."""

    kind: Literal["live", "shadow", "canary", "ramp"]
    share: float = 1.0
    """From 0 to 1."""

    def __str__(self) -> str:
        per_day = "/day" if self.kind == "ramp" else ""
        return f"{self.kind} {100 * self.share:.4g}%{per_day}" if self.partial else self.kind

    @property
    def partial(self) -> bool:
        """Whether only some of the accounts may enter."""
        return self.kind in ("canary", "ramp")


LIVE = Mode("live")
SHADOW_MODE = Mode("shadow")


@dataclass(frozen=True, slots=True)
class EventEntry:
    """A passage begins with an event of its subject: of an account with anybody's, of a contact with its own."""

    event: str
    source: str
    where: Expression | None
    """Over the event's own columns."""
    within: Duration
    """How long after it happened an event may still begin a passage: so long it is looked for, and may be learned of late."""
    columns: Mapping[str, Type]
    """What is kept of it: `event.<column>`."""

    def __str__(self) -> str:
        source = "" if self.source == "usage" else f" of {self.source}"
        return f"event {self.event}{source}{f' where {self.where.text}' if self.where else ''}"


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """A passage begins when a value of its subject is another than at the tick before."""

    said: str
    watched: Expression
    name: str
    """What it is remembered by: with another definition it is another name, so that no edit of a segment counts as a change."""
    was: tuple[Scalar, ...]
    """Only from one of these; none: from any."""
    became: tuple[Scalar, ...]
    within: Duration
    columns: Mapping[str, Type]

    def __str__(self) -> str:
        return self.said


class Leave(NamedTuple):
    """A way out of the whole playbook, checked before anything else, and which keeps people from entering."""

    reason: str
    """The key: goal | exit | while."""
    finished: str
    """goal | exit"""
    condition: Expression
    when: bool
    """Leaves when the condition is this: `while` leaves when it is false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A playbook, checked and frozen. `digest` names this version: it covers the YAML, its segments and milestones."""

    playbook: str
    digest: str
    file: str
    title: Localised
    owner: str
    subject: Grain
    topic: str
    touch: str
    phase: str | None
    audience: Expression | None
    enter: Expression | None
    """None: true for everyone in the audience."""
    once_per: Expression | None
    existing: Literal["skip", "include"] | None
    goal: Expression | None
    exit: Expression | None
    schedule: Schedule
    priority: int
    vars: Mapping[str, Scalar]
    steps: tuple[AnyStep, ...]
    event: EventEntry | ChangeEntry | None = None
    """What begins a passage instead of a condition."""
    reenter: Duration | None = None
    """So long after the end of a passage the next may begin; None: never."""
    manual: bool = False
    """Only who is enrolled by somebody, or by another playbook, enters."""
    while_: Expression | None = None
    """Those of whom it is not true leave."""
    hold: Expression | None = None
    """While it is true customer mail waits, and timers stand still."""
    mode: Mode = LIVE
    """How much of it is for real. No part of the version."""
    redirect: Mapping[str, str] = field(default_factory=dict)
    """Step of an older version that is gone -> where its people go on when they are moved. No part of the version."""
    holdout: float = 0.0
    """The share of accounts, from 0 to 1, that nothing is sent to."""

    @property
    def shadow(self) -> bool:
        """Whether this is the plan of shadow passages: they take the same way, and nothing leaves."""
        return self.digest.endswith(SHADOW)

    @property
    def first(self) -> AnyStep:
        return self.steps[0]

    @property
    def parallel(self) -> bool:
        """Whether a subject may pass through it several times at once: each event its own passage."""
        return self.event is not None and self.once_per is not None and self.once_per.of_passage

    def step(self, step_id: str) -> AnyStep | None:
        """The step of that id, or None when this plan has none."""
        return next((s for s in self.steps if s.id == step_id), None)

    @property
    def asks_passages(self) -> bool:
        """Whether anything in it hangs on what was kept when a passage began."""
        return any(expression.of_passage for expression in (*self.conditions(), *self.values()))

    def leaves(self) -> list[Leave]:
        """The ways out, in the order in which they are checked: goal beats exit."""
        every = (("goal", "goal", self.goal, True), ("exit", "exit", self.exit, True), ("while", "exit", self.while_, False))
        return [Leave(reason, finished, condition, when) for reason, finished, condition, when in every if condition is not None]

    def can_be_left(self, step: Step) -> bool:
        """Whether some condition takes out who stands at that step: of the playbook, or of the `otherwise` block that it lies in."""
        return bool(self.leaves() or step.watched_by)

    def conditions(self) -> list[Expression]:
        """Every condition of the plan, for one set-wise evaluation: those of people in `to:` too."""
        found = [c for c in (self.audience, self.enter, self.goal, self.exit, self.while_, self.hold) if c is not None]
        for step in self.steps:
            if step.only_if is not None:
                found.append(step.only_if)
            match step:
                case Email() | Notice() | Cta() | Webhook():
                    if not isinstance(step, Webhook) and step.to.condition is not None:
                        found.append(step.to.condition)
                    if step.repeat is not None and step.repeat.until is not None:
                        found.append(step.repeat.until)
                    if isinstance(step, Cta) and step.close_when is not None:
                        found.append(step.close_when)
                case WaitUntil():
                    found.append(step.until)
                case Branch():
                    found.append(step.condition)
                case Wait() | WaitDate() | Split() | Set() | Enrol() | Stop():
                    pass
        return found

    def values(self) -> list[Expression]:
        """Every expression of the plan that is no condition."""
        return [
            *((self.once_per,) if self.once_per is not None else ()),
            *(step.at for step in self.steps if isinstance(step, WaitDate)),
            *(s.to.answer for s in self.steps if isinstance(s, Email | Notice | Cta) and s.to.answer is not None),
            *self.at_entry.values(),
            *((self.event.watched,) if isinstance(self.event, ChangeEntry) else ()),
        ]

    @property
    def at_entry(self) -> dict[str, Expression]:
        """What is kept of each subject when its passage begins, by the name that conditions know it by."""
        dates = [step.at for step in self.steps if isinstance(step, WaitDate)]
        return {f"{AT_ENTRY}{kept.text}": kept for expression in (*self.conditions(), *dates) for kept in expression.at_entry}
