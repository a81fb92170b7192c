"""What a single playbook can get wrong beyond its shape: files, names and steps that are not there, and steps nobody comes to."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cs_engine.language.durations import parse
from cs_engine.language.expression import Grain
from cs_engine.language.problems import Place, Problems, did_you_mean
from cs_engine.language.yaml import Document
from cs_engine.playbook import endpoints
from cs_engine.playbook.config import Webhooks
from cs_engine.playbook.draw import edges
from cs_engine.playbook.endpoints import Allowed
from cs_engine.playbook.plan import TRANSACTIONAL, AnyStep, Edge, Email, Notice, Plan, SendingStep, WaitUntil
from cs_engine.playbook.shape import Path, keys_of, shown
from cs_engine.playbook.steps import WaitUntilSpec
from cs_engine.playbook.templates import Kind, Templates
from cs_engine.usage.model import MilestoneSpec

ALWAYS_TOPICS = ("general", "transactional", "milestones")
_TEMPLATES: Mapping[str, Kind] = {"email": "email", "cta": "slack"}
_BLOCKS = ("then", "else", "otherwise")
_WAIT_KEYS = frozenset(keys_of(WaitUntilSpec))


@dataclass(frozen=True, slots=True)
class Known:
    """What a playbook may refer to."""

    templates: Templates
    topics: Collection[str]
    """Of project.yaml; none: any topic will do."""
    phases: Collection[str] | None
    """Of journey.yaml; None, as its milestones are: it is broken, so nobody knows."""
    milestones: Mapping[str, MilestoneSpec] | None
    webhooks: Webhooks | None = None
    """Of project.yaml; None: it is broken."""


def raw_steps(data: Any, path: Path = ("steps",)) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every step of the file as YAML has it, whatever else is wrong with it."""
    steps = data.get(path[-1]) if isinstance(data, Mapping) else None
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, Mapping):
            yield (*path, index), step
            for key in _BLOCKS:
                yield from raw_steps(step, (*path, index, key))
            arms = step.get("split")
            for name, arm in arms.items() if isinstance(arms, Mapping) else ():
                yield from raw_steps(arm, (*path, index, "split", name, "steps"))


def check_names(document: Document, file: str, known: Known, problems: Problems) -> None:
    """Topic, phase, templates, milestones and step ids of one playbook. Works on files of any shape, so that all is said at once."""
    data = document.data
    topic, phase = data.get("topic"), data.get("phase")
    if isinstance(topic, str) and known.topics and topic not in (*known.topics, *ALWAYS_TOPICS):
        mend = did_you_mean(topic, [*known.topics, *ALWAYS_TOPICS]) or "topics of project.yaml: " + ", ".join(known.topics)
        problems.add(document.place(("topic",)), "P201", f"there is no topic {shown(topic)}", mend)
    if isinstance(phase, str) and known.phases is not None and phase not in known.phases:
        mend = did_you_mean(phase, known.phases) or "phases of journey.yaml: " + (", ".join(known.phases) or "none")
        problems.add(document.place(("phase",)), "P202", f"there is no phase {shown(phase)}", mend)
    first: dict[str, Place] = {}
    for path, step in raw_steps(data):
        _check_id(document, path, step, first, problems)
        for key, kind in _TEMPLATES.items():
            name = step.get(key)
            if isinstance(name, str) and name and (missing := known.templates.find(kind, name, file)) is not None:
                problems.add(document.place((*path, key)), "P203", f"there is no {_called(kind)} template {shown(name)}", missing)
        if isinstance(step.get("webhook"), str) and step["webhook"] and known.webhooks is not None:
            _check_endpoint(document.place((*path, "webhook")), step["webhook"], known.webhooks, problems)
        if isinstance(step.get("notice"), str) and known.milestones is not None:
            _check_notice(document.place((*path, "notice")), step["notice"], known.milestones, problems)


def _called(kind: Kind) -> str:
    return "e-mail" if kind == "email" else "Slack"


def _check_id(document: Document, path: Path, step: Mapping[str, Any], first: dict[str, Place], problems: Problems) -> None:
    own = step.get("id")
    if not isinstance(own, str):
        return
    place = document.place((*path, "id"))
    if own in first:
        before = first[own]
        where = f"{before.file}:{before.line}:{before.column}"
        problems.add(place, "P107", f'two steps have the id "{own}"; the first stands at {where}', "give this one an id of its own")
    first.setdefault(own, place)


def _check_notice(place: Place, milestone: str, known: Mapping[str, MilestoneSpec], problems: Problems) -> None:
    spec = known.get(milestone)
    if spec is None:
        mend = did_you_mean(milestone, known) or "milestones of journey.yaml: " + (", ".join(known) or "none")
        problems.add(place, "P205", f"there is no milestone {shown(milestone)}", mend)
    elif spec.told_by is None:
        problems.add(place, "P205", f'the milestone "{milestone}" has no notice', "name its template in journey.yaml: `notice: …`")


def _check_endpoint(place: Place, endpoint: str, known: Webhooks, problems: Problems) -> None:
    """P230: a webhook that goes nowhere, or where it may not."""
    url = endpoints.resolved(endpoint, known.endpoints)
    if url is None:
        listed = (
            f"webhooks of project.yaml: {', '.join(known.endpoints)}" if known.endpoints else "write https://… or name it in project.yaml"
        )
        mend = did_you_mean(endpoint, known.endpoints) or listed
        problems.add(place, "P230", f"there is no webhook endpoint {shown(endpoint)}", mend)
    elif endpoint == url and (wrong := endpoints.wrong_url(url, Allowed.of(known.allow))) is not None:
        problems.add(place, "P230", *wrong)


def check_waits(document: Document, problems: Problems) -> None:
    """Lengths, `otherwise` and `after` of every wait. Works on files of any shape; a misspelt key may be the one that is missing."""
    for path, step in raw_steps(document.data):
        if "wait" in step or "wait_until" in step:
            _check_length(document, path, step, problems)
        if "wait_until" in step and not step.keys() - _WAIT_KEYS:
            _check_after(document, path, step, problems)


def _check_length(document: Document, path: Path, step: Mapping[str, Any], problems: Problems) -> None:
    """P113: a wait of no time at all."""
    text = step.get("wait", step.get("at_most"))
    lasting = parse(text) if isinstance(text, str) else None
    if lasting is not None and lasting.amount == 0:
        name = f'the step "{step["id"]}"' if isinstance(step.get("id"), str) else "the step"
        problems.add(document.place(path), "P113", f"{name} waits for {lasting}", "leave it out, or say how long")


def _check_after(document: Document, path: Path, step: Mapping[str, Any], problems: Problems) -> None:
    otherwise, at_most, after = (step.get(key) for key in ("otherwise", "at_most", "after"))
    if otherwise and at_most is None:
        message = "`otherwise` never runs without `at_most`"
        problems.add(document.key_place((*path, "otherwise")), "P110", message, "add `at_most: 5 days`")
    elif otherwise and after is None:
        message = "`otherwise` needs `after` beside it: what comes once the block has run"
        problems.add(document.key_place((*path, "otherwise")), "P110", message, "add `after: continue`, `keep_waiting` or `stop`")
    elif after is not None and at_most is None:
        problems.add(document.key_place((*path, "after")), "P110", "`after` means nothing without `at_most`", "add `at_most: 5 days`")
    elif after == "keep_waiting" and not otherwise:
        message = "`at_most` with `after: keep_waiting` does nothing without `otherwise`"
        problems.add(document.key_place((*path, "after")), "P110", message, "add `otherwise`, or leave both out")


def check_ends(document: Document, problems: Problems) -> None:
    """P112: a playbook that is left by what enters it. Works on files of any shape."""
    data = document.data
    for leave in ("goal", "exit"):
        condition = data.get(leave)
        for entry in ("enter", "audience"):
            if isinstance(data.get(entry), str) and isinstance(condition, str) and _same(data[entry], condition):
                message = f"`{leave}` is the same as `{entry}`: nobody would ever enter"
                problems.add(document.place((leave,)), "P112", message, "say what is true of those who are through")
    for path, step in raw_steps(data):
        for leave in ("goal", "exit"):
            if isinstance(step.get("if"), str) and isinstance(data.get(leave), str) and _same(step["if"], data[leave]):
                message = f"it is never done: `{leave}` is the same, and who meets it has left by then"
                problems.add(
                    document.place((*path, "if")), "P112", message, f"put it into a playbook of its own that `enter`s with the {leave}"
                )
    stay, leave_when = data.get("while"), data.get("exit")
    if isinstance(stay, str) and isinstance(leave_when, str) and _same(stay, leave_when):
        message = "`while` is the same as `exit`: everybody would leave at once"
        problems.add(document.place(("while",)), "P112", message, "keep one of them")


def check_plan(plan: Plan, document: Document, problems: Problems) -> None:
    """What only the flattened steps show."""
    reached, before = _reachable(plan), True
    for step in plan.steps:
        # Of steps in a row that nobody comes to, the first says it all.
        if step.id not in reached and before:
            problems.add(step.place, "P111", f'nobody comes to the step "{step.id}": every way ends before it', "move it up, or delete it")
        before = step.id in reached
        if isinstance(step, SendingStep) and step.expires is not None and step.expires.amount == 0:
            problems.add(step.place, "P113", f'what the step "{step.id}" sends expires after {step.expires}', "say how long it may wait")
        if plan.subject is Grain.CONTACT:
            _check_of_contacts(step, problems)
    for gone, target in plan.redirect.items():
        if plan.step(gone) is not None:
            message = f'the step "{gone}" is still there: nobody is redirected from it'
            problems.add(document.key_place(("redirect", gone)), "P130", message, "leave it out")
        if plan.step(target) is None:
            known = [step.id for step in plan.steps]
            mend = did_you_mean(target, known) or f"one of: {', '.join(known)}"
            problems.add(document.place(("redirect", gone)), "P130", f"there is no step {shown(target)} to go on at", mend)
    if plan.topic == TRANSACTIONAL and plan.hold is not None:
        place = document.key_place(("hold",))
        problems.add(place, "P116", "transactional mail is never held", "leave `hold` out, or give it another topic")
    if plan.topic == TRANSACTIONAL and plan.holdout:
        problems.add(document.key_place(("holdout",)), "P116", "transactional mail has no control group", "leave `holdout` out")


def _check_of_contacts(step: AnyStep, problems: Problems) -> None:
    """Where contacts pass through, a step runs for each of them."""
    if isinstance(step, Notice):
        message = "a milestone is the account's: here every contact would set off its notice"
        problems.add(step.place, "P114", message, "put the notice into a playbook over accounts")
    elif isinstance(step, Email) and (step.to.condition is not None or step.to.role in ("operators", "everyone")):
        message = f"every contact that passes through mails all of `{step.to}`"
        problems.warn(step.place, "P115", message, "leave `to` out: each gets their own; or let accounts pass through")


def _same(one: str, two: str) -> bool:
    return "".join(one.split()).lower() == "".join(two.split()).lower()


def _reachable(plan: Plan) -> set[str]:
    steps: dict[str, AnyStep] = {step.id: step for step in plan.steps}
    if len(steps) < len(plan.steps):  # ids that are used twice, which is reported already, lead nowhere
        return set(steps)
    reached: set[str] = set()
    waiting = [plan.first.id]
    while waiting:
        here = waiting.pop()
        if here in reached:
            continue
        reached.add(here)
        step = steps[here]
        ways = [edge for _, edge in edges(step)]
        if step.only_if is not None:
            ways.append(step.next)
        if isinstance(step, WaitUntil) and step.otherwise is not None:  # even without `at_most`, which is reported already
            ways.append(Edge(step.otherwise))
        waiting += [edge.to for edge in ways if edge.to is not None]
    return reached


def check_blanks(document: Document, texts: Mapping[Path, str], blanks: Mapping[str, tuple[int, int]], problems: Problems) -> None:
    """Warns where a condition names something that many have not: for them no comparison with it is true."""
    for path, text in texts.items():
        for name, (without, rows) in blanks.items():
            found = re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", text)
            if found is None or not without or _minds_blanks(name, text):
                continue
            grain, _, column = name.partition(".")
            message = f"{without:,} of {rows:,} {grain}s have no {column}"
            mend = f"a comparison with a blank is never true; say what then with `coalesce({name}, …)`"
            problems.warn(document.within(path, found.start(), len(name)), "P301", message, mend)


def _minds_blanks(name: str, text: str) -> bool:
    """Whether the author has thought of blanks."""
    word = re.escape(name)
    return re.search(rf"{word}\s+is\s+(not\s+)?null|(coalesce|ifnull)\s*\(\s*{word}", text, re.IGNORECASE) is not None
