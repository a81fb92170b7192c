"""Steps and blocks as authors write them -> the flat list of a plan, with edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict, assert_never

from cs_engine.language.expression import Duration, Expression
from cs_engine.language.problems import Place
from cs_engine.playbook import plan
from cs_engine.playbook import steps as written
from cs_engine.playbook.checklist import to_dos
from cs_engine.playbook.model import PlaybookSpec
from cs_engine.playbook.people import Kind
from cs_engine.playbook.plan import AnyStep, Edge
from cs_engine.playbook.questions import Question, questions_of
from cs_engine.playbook.reader import Reader
from cs_engine.playbook.shape import Path

Ids = Mapping[Path, str]
"""The id of every step, by where it stands in the file."""


class CommonSending(TypedDict):
    """What all steps that send have beside."""

    expires: Duration | None
    repeat: plan.Repeat | None


class CommonPeople(TypedDict):
    """What all steps have that send to people."""

    to: plan.People
    sender: str | None
    cc: tuple[str, ...]
    ask: tuple[Question, ...]
    approve: plan.Approve | None


class Common(TypedDict):
    """What all steps of a plan have."""

    id: str
    place: Place
    next: Edge
    only_if: Expression | None
    watched_by: tuple[str, ...]


def children(step: written.AnyStepSpec) -> Iterator[tuple[Path, Sequence[written.AnyStepSpec]]]:
    """The blocks in a step, by the keys that lead to them, in the order of the plan."""
    match step:
        case written.WaitUntilSpec():
            yield ("otherwise",), step.otherwise
        case written.IfSpec():
            yield ("then",), step.then
            yield ("else",), step.else_
        case written.SplitSpec():
            for name, arm in step.split.items():
                yield ("split", name, "steps"), arm.steps
        case _:
            return


def walk(steps: Sequence[written.AnyStepSpec], path: Path) -> Iterator[tuple[Path, written.AnyStepSpec]]:
    """Every step with its place in the file, in the order of the plan."""
    for index, step in enumerate(steps):
        here = (*path, index)
        yield here, step
        for keys, block in children(step):
            yield from walk(block, (*here, *keys))


def name_steps(spec: PlaybookSpec) -> Ids:
    """The id of every step: the author's, or `if-2`, `stop-1` where none is needed."""
    ids: dict[Path, str] = {}
    steps = list(walk(spec.steps, ("steps",)))
    taken = {own for _, step in steps if (own := getattr(step, "id", None)) is not None}
    counts = {"if": 0, "stop": 0}
    for path, step in steps:
        name: str | None = getattr(step, "id", None)
        if name is None:
            kind = "if" if isinstance(step, written.IfSpec) else "stop"
            counts[kind] += 1
            while f"{kind}-{counts[kind]}" in taken:
                counts[kind] += 1
            name = f"{kind}-{counts[kind]}"
        ids[path] = name
    return ids


def _template_key(step: written.AnyStepSpec) -> tuple[str, ...]:
    """The key whose value stands for a step that sends: what is wrong with it is mostly its template."""
    match step:
        case written.EmailSpec():
            return ("email",)
        case written.NoticeSpec():
            return ("notice",)
        case written.CtaSpec():
            return ("cta",)
        case written.WebhookSpec():
            return ("webhook",)
        case _:
            return ()


class Flattener:
    """Flattens one playbook. Every edge runs forward but the one from an `otherwise` back to its wait."""

    def __init__(self, reader: Reader, ids: Ids) -> None:
        self.reader, self.ids = reader, ids

    def block(self, steps: Sequence[written.AnyStepSpec], path: Path, after: Edge, watched: tuple[str, ...] = ()) -> list[AnyStep]:
        """The steps of a block; those at its end go on to `after`."""
        flat: list[AnyStep] = []
        for index in reversed(range(len(steps))):
            flat = [*self._step(steps[index], (*path, index), after, watched), *flat]
            after = Edge(flat[0].id)
        return flat

    def _step(self, step: written.AnyStepSpec, path: Path, after: Edge, watched: tuple[str, ...]) -> list[AnyStep]:
        steps = self._alone(step, path, after, watched)
        if step.at is None:
            if step.if_late is not None:
                self.reader.problems.add(
                    self.reader.document.key_place((*path, "if_late")), "P110", "`if_late` means nothing without `at`", "leave it out"
                )
            return steps
        first = steps[0]
        at = self.reader.instant((*path, "at"), step.at)
        wait = plan.WaitDate(
            id=f"{first.id}.at", place=first.place, next=Edge(first.id), watched_by=watched, at=at, if_late=step.if_late, skip=after
        )
        return [wait, *steps]

    def _alone(self, step: written.AnyStepSpec, path: Path, after: Edge, watched: tuple[str, ...]) -> list[AnyStep]:
        """A step, with what is in it, without its date."""
        common = Common(
            id=self.ids[path],
            place=self.reader.document.place((*path, *_template_key(step))),
            next=after,
            only_if=None if step.if_ is None or isinstance(step, written.IfSpec) else self.reader.condition((*path, "if"), step.if_),
            watched_by=watched,
        )
        match step:
            case written.EmailSpec() | written.NoticeSpec() | written.CtaSpec():
                return [self._sending(step, path, common)]
            case written.WaitSpec():
                return [plan.Wait(duration=self.reader.duration((*path, "wait"), step.wait), **common)]
            case written.WaitUntilSpec():
                return self._wait_until(step, path, common)
            case written.IfSpec():
                return self._if(step, path, common)
            case written.SplitSpec():
                return self._split(step, path, common)
            case written.SetSpec():
                return [plan.Set(values=dict(step.set), **common)]
            case written.EnrolSpec():
                return [plan.Enrol(playbook=step.enrol, **common)]
            case written.WebhookSpec():
                return [self._webhook(step, path, common)]
            case written.StopSpec():
                common["next"] = after if common["only_if"] else Edge(None)
                return [plan.Stop(**common)]
            case _:
                raise TypeError(type(step).__name__)

    def _sending(self, step: written.EmailSpec | written.NoticeSpec | written.CtaSpec, path: Path, common: Common) -> plan.Sending:
        reader = self.reader
        kinds: dict[type, Kind] = {written.EmailSpec: "email", written.NoticeSpec: "notice", written.CtaSpec: "cta"}
        to = reader.people((*path, "to"), step.to, kinds[type(step)])
        own = CommonSending(
            expires=None if step.expires is None else reader.duration((*path, "expires"), step.expires),
            repeat=None if step.repeat is None else self._repeat(step.repeat, (*path, "repeat")),
        )
        people = CommonPeople(
            to=to,
            sender=reader.sender((*path, "from"), step.from_, "an alert cannot speak as" if isinstance(step, written.CtaSpec) else ""),
            cc=reader.copies((*path, "cc"), step.cc),
            ask=self._ask(step, path),
            approve=None if step.approve is None else self._approve(step.approve, (*path, "approve")),
        )
        match step:
            case written.EmailSpec():
                return plan.Email(template=reader.template(step.email), uncertain=step.uncertain, **people, **own, **common)
            case written.NoticeSpec():
                template = reader.notice_template(step.notice)
                return plan.Notice(milestone=step.notice, template=template, uncertain=step.uncertain, **people, **own, **common)
            case written.CtaSpec():
                return plan.Cta(
                    template=reader.template(step.cta),
                    priority=step.priority,
                    due=None if step.due is None else reader.duration((*path, "due"), step.due),
                    close_when=None if step.close_when is None else reader.condition((*path, "close_when"), step.close_when),
                    checklist=to_dos(step.checklist),
                    minutes=step.minutes,
                    **people,
                    **own,
                    **common,
                )
            case _:
                assert_never(step)

    def _ask(self, step: written.EmailSpec | written.NoticeSpec | written.CtaSpec, path: Path) -> tuple[Question, ...]:
        found = questions_of(step, self.reader.around.definitions.confirmed)
        own = [question.field for question in found[len(found) - len(step.ask) :]]
        for name in {question.field for question in found[: len(found) - len(step.ask)]}.intersection(own):
            place = self.reader.document.key_place((*path, "ask", name))
            message = f'"{name}" is what a milestone with `confirm` asks already'
            self.reader.problems.add(place, "P105", message, "choose another name for the answer")
        return found

    def _webhook(self, step: written.WebhookSpec, path: Path, common: Common) -> plan.Webhook:
        return plan.Webhook(
            endpoint=step.webhook,
            reads={text: self.reader.name((*path, "with", index), text) for index, text in enumerate(step.with_)},
            uncertain=step.uncertain,
            expires=None if step.expires is None else self.reader.duration((*path, "expires"), step.expires),
            repeat=None if step.repeat is None else self._repeat(step.repeat, (*path, "repeat")),
            **common,
        )

    def _approve(self, approve: written.ApproveSpec, path: Path) -> plan.Approve:
        within = self.reader.duration((*path, "within"), approve.within)
        return plan.Approve(self.reader.approver(path, approve.by), within)

    def _repeat(self, repeat: written.RepeatSpec, path: Path) -> plan.Repeat:
        every = self.reader.duration((*path, "every"), repeat.every)
        if every.amount == 0:
            self.reader.problems.add(
                self.reader.document.place((*path, "every")), "P113", f"it repeats every {every}", "say how long between"
            )
        until = None if repeat.until is None else self.reader.condition((*path, "until"), repeat.until)
        return plan.Repeat(every, repeat.times, until)

    def _wait_until(self, step: written.WaitUntilSpec, path: Path, common: Common) -> list[AnyStep]:
        wait_id, after = common["id"], step.after or "continue"
        end = {"continue": common["next"], "keep_waiting": Edge(wait_id, otherwise_done=True), "stop": Edge(None)}[after]
        block = self.block(step.otherwise, (*path, "otherwise"), end, (*common["watched_by"], wait_id))
        wait = plan.WaitUntil(
            until=self.reader.condition((*path, "wait_until"), step.wait_until),
            at_most=None if step.at_most is None else self.reader.duration((*path, "at_most"), step.at_most),
            otherwise=block[0].id if block else None,
            after=after,
            **common,
        )
        return [wait, *block]

    def _split(self, step: written.SplitSpec, path: Path, common: Common) -> list[AnyStep]:
        total = sum(arm.weight for arm in step.split.values())
        if abs(total - 100) > 1e-6:
            message = f"the weights of the arms sum to {total:g}, not to 100"
            self.reader.problems.add(
                self.reader.document.key_place((*path, "split")), "P117", message, "each is so many of a hundred accounts"
            )
        flat: list[AnyStep] = []
        arms = []
        for name, arm in step.split.items():
            block = self.block(arm.steps, (*path, "split", name, "steps"), common["next"], common["watched_by"])
            arms.append(plan.Arm(name, arm.weight, Edge(block[0].id) if block else common["next"]))
            flat += block
        return [plan.Split(arms=tuple(arms), **common), *flat]

    def _if(self, step: written.IfSpec, path: Path, common: Common) -> list[AnyStep]:
        watched, after = common["watched_by"], common["next"]
        then = self.block(step.then, (*path, "then"), after, watched)
        otherwise = self.block(step.else_, (*path, "else"), after, watched)
        branch = plan.Branch(
            condition=self.reader.condition((*path, "if"), step.if_),
            then=Edge(then[0].id) if then else after,
            otherwise=Edge(otherwise[0].id) if otherwise else after,
            **common,
        )
        return [branch, *then, *otherwise]
