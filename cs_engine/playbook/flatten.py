"""Steps and blocks as authors write them -> the flat list of a plan, with edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypedDict, assert_never

from cs_engine.language.expression import Duration, Expression, Grain, Type
from cs_engine.language.problems import Place, Problems
from cs_engine.playbook import model, plan
from cs_engine.playbook.people import Directory, Kind
from cs_engine.playbook.plan import AnyStep, Edge
from cs_engine.playbook.shape import Path, Placed

Ids = Mapping[Path, str]
"""The id of every step, by where it stands in the file."""

NEVER = Expression("", Grain.ACCOUNT, "false", Type.BOOLEAN, ())
"""Stands where a condition is wrong; its problem is known, and no plan comes of it."""


class Reader(Protocol):
    """Reads the texts of one playbook, and keeps what is wrong with them."""

    document: Placed
    problems: Problems
    directory: Directory
    contact_subject: bool

    def condition(self, path: Path, text: str) -> Expression: ...

    def contact_condition(self, path: Path, text: str) -> Expression: ...

    def duration(self, path: Path, text: str) -> Duration: ...

    def notice_template(self, path: Path, milestone: str) -> str: ...

    def template(self, name: str) -> str: ...


class Common(TypedDict):
    """What all steps of a plan have."""

    id: str
    place: Place
    next: Edge
    only_if: Expression | None
    watched_by: tuple[str, ...]


def children(step: model.AnyStepSpec) -> Iterator[tuple[str, Sequence[model.AnyStepSpec]]]:
    """The blocks in a step, by their key, in the order of the plan."""
    match step:
        case model.WaitUntilSpec():
            yield "otherwise", step.otherwise
        case model.IfSpec():
            yield "then", step.then
            yield "else", step.else_
        case _:
            return


def walk(steps: Sequence[model.AnyStepSpec], path: Path) -> Iterator[tuple[Path, model.AnyStepSpec]]:
    """Every step with its place in the file, in the order of the plan."""
    for index, step in enumerate(steps):
        here = (*path, index)
        yield here, step
        for key, block in children(step):
            yield from walk(block, (*here, key))


def name_steps(spec: model.PlaybookSpec, document: Placed, problems: Problems) -> Ids:
    """The id of every step: the author's, or `if-2`, `stop-1` where none is needed. Ids used twice are reported with both places."""
    ids: dict[Path, str] = {}
    first: dict[str, Path] = {}
    unnamed: list[tuple[Path, str]] = []
    for path, step in walk(spec.steps, ("steps",)):
        own: str | None = getattr(step, "id", None)
        if own is None:
            unnamed.append((path, "if" if isinstance(step, model.IfSpec) else "stop"))
        elif own in first:
            before = document.place((*first[own], "id"))
            where = f"{before.file}:{before.line}:{before.column}"
            problems.add(
                document.place((*path, "id")), "P107", f'two steps have the id "{own}"; the first is at {where}', "give one a new id"
            )
        else:
            first[own] = path
            ids[path] = own
    taken, counts = set(first), {"if": 0, "stop": 0}
    for path, kind in unnamed:
        counts[kind] += 1
        while f"{kind}-{counts[kind]}" in taken:
            counts[kind] += 1
        ids[path] = f"{kind}-{counts[kind]}"
    return ids


class Flattener:
    """Flattens one playbook. Every edge runs forward but the one from an `otherwise` back to its wait."""

    def __init__(self, reader: Reader, ids: Ids) -> None:
        self.reader, self.ids = reader, ids

    def block(self, steps: Sequence[model.AnyStepSpec], path: Path, after: Edge, watched: tuple[str, ...] = ()) -> list[AnyStep]:
        """The steps of a block; those at its end go on to `after`."""
        flat: list[AnyStep] = []
        for index in reversed(range(len(steps))):
            flat = [*self._step(steps[index], (*path, index), after, watched), *flat]
            after = Edge(flat[0].id)
        return flat

    def _step(self, step: model.AnyStepSpec, path: Path, after: Edge, watched: tuple[str, ...]) -> list[AnyStep]:
        common = Common(
            id=self.ids[path],
            place=self.reader.document.place(path),
            next=after,
            only_if=None if step.if_ is None or isinstance(step, model.IfSpec) else self.reader.condition((*path, "if"), step.if_),
            watched_by=watched,
        )
        match step:
            case model.EmailSpec() | model.NoticeSpec() | model.CtaSpec():
                return [self._sending(step, path, common)]
            case model.WaitSpec():
                return [plan.Wait(duration=self.reader.duration((*path, "wait"), step.wait), **common)]
            case model.WaitUntilSpec():
                return self._wait_until(step, path, common)
            case model.IfSpec():
                return self._if(step, path, common)
            case model.StopSpec():
                common["next"] = after if common["only_if"] else Edge(None)
                return [plan.Stop(**common)]
            case _:
                raise TypeError(type(step).__name__)

    def _sending(self, step: model.EmailSpec | model.NoticeSpec | model.CtaSpec, path: Path, common: Common) -> plan.Sending:
        reader = self.reader
        kinds: dict[type, Kind] = {model.EmailSpec: "email", model.NoticeSpec: "notice", model.CtaSpec: "cta"}

        def condition(text: str) -> Expression:
            return reader.contact_condition((*path, "to"), text)

        to = reader.directory.recipients(
            step.to, kinds[type(step)], reader.contact_subject, reader.document.place((*path, "to")), condition, reader.problems
        )
        sender = None if isinstance(step, model.CtaSpec) else self._sender(step.from_, (*path, "from"))
        match step:
            case model.EmailSpec():
                return plan.Email(template=reader.template(step.email), to=to, sender=sender, uncertain=step.uncertain, **common)
            case model.NoticeSpec():
                template = reader.notice_template((*path, "notice"), step.notice)
                return plan.Notice(milestone=step.notice, template=template, to=to, sender=sender, uncertain=step.uncertain, **common)
            case model.CtaSpec():
                return plan.Cta(
                    template=reader.template(step.cta),
                    to=to,
                    priority=step.priority,
                    due=None if step.due is None else reader.duration((*path, "due"), step.due),
                    close_when=None if step.close_when is None else reader.condition((*path, "close_when"), step.close_when),
                    **common,
                )
            case _:
                assert_never(step)

    def _sender(self, text: str | None, path: Path) -> str | None:
        return self.reader.directory.sender(text, self.reader.document.place(path), self.reader.problems)

    def _wait_until(self, step: model.WaitUntilSpec, path: Path, common: Common) -> list[AnyStep]:
        self._check_after(step, path)
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

    def _check_after(self, step: model.WaitUntilSpec, path: Path) -> None:
        document, problems = self.reader.document, self.reader.problems
        if step.otherwise and step.at_most is None:
            problems.add(
                document.key_place((*path, "otherwise")), "P110", "`otherwise` never runs without `at_most`", "add `at_most: 5 days`"
            )
        elif step.otherwise and step.after is None:
            message = "`otherwise` needs `after` beside it: what comes once the block has run"
            problems.add(document.key_place((*path, "otherwise")), "P110", message, "add `after: continue`, `keep_waiting` or `stop`")
        elif step.after is not None and step.at_most is None:
            problems.add(document.key_place((*path, "after")), "P110", "`after` means nothing without `at_most`", "add `at_most: 5 days`")
        elif step.after == "keep_waiting" and not step.otherwise:
            message = "`at_most` with `after: keep_waiting` does nothing without `otherwise`"
            problems.add(document.key_place((*path, "after")), "P110", message, "add `otherwise`, or leave both out")

    def _if(self, step: model.IfSpec, path: Path, common: Common) -> list[AnyStep]:
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
