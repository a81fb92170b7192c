"""A plan for people's eyes: as a Mermaid flowchart, and as a few lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from cs_engine.playbook.plan import (
    LIVE,
    AddressedStep,
    AnyStep,
    Branch,
    Cta,
    Edge,
    Email,
    Enrol,
    Notice,
    Plan,
    Sending,
    SendingStep,
    Set,
    Split,
    Stop,
    Wait,
    WaitDate,
    WaitUntil,
    Webhook,
)

_LONGEST = 80
_END = "done"


def mermaid(plan: Plan) -> str:
    """The plan as a Mermaid `flowchart TD`. Authors' words stand in quoted labels, never read as Mermaid or HTML."""
    nodes = {step.id: f"s{number}" for number, step in enumerate(plan.steps)}
    lines = ["flowchart TD", f"    start([{_quoted(_entry(plan))}])", f"    {_END}([{_quoted('done')}])"]
    lines += [f"    {nodes[step.id]}{_shape(step)}" for step in plan.steps]
    lines.append(f"    start --> {nodes[plan.first.id]}")
    for step in plan.steps:
        for label, edge in edges(step):
            target = nodes[edge.to] if edge.to is not None else _END
            arrow = "-.->" if edge.otherwise_done else "-->"
            lines.append(f"    {nodes[step.id]} {arrow}{f'|{_quoted(label)}|' if label else ''} {target}")
    for number, leave in enumerate(plan.leaves()):
        said = f"{leave.reason}, at any time: {leave.condition.text}" if leave.when else f"{leave.reason} no more: {leave.condition.text}"
        lines.append(f"    leave{number}[/{_quoted(said)}/] -.-> {_END}")
    return "\n".join(lines) + "\n"


def edges(step: AnyStep) -> Iterator[tuple[str, Edge]]:
    """Where one goes from a step, and what the way is called; '' for the plain one."""
    match step:
        case Branch():
            yield "then", step.then
            yield "else", step.otherwise
            return
        case Split():
            for arm in step.arms:
                yield f"{arm.name} {arm.weight:g}%", arm.to
        case Stop():
            yield ("", Edge(None))
        case WaitDate():
            yield "", step.next
            yield "no date" if step.if_late == "now" else "no date, or late", step.skip
        case WaitUntil() if step.at_most is not None:
            yield "met", step.next
            yield f"after {step.at_most}", _late(step)
        case WaitUntil():
            yield "met", step.next
        case _:
            yield "", step.next
    if isinstance(step, Stop) and step.only_if is not None:
        yield "not for the others", step.next


def _late(step: WaitUntil) -> Edge:
    """Where those go for whom `at_most` has passed."""
    if step.otherwise is not None:
        return Edge(step.otherwise)
    match step.after:
        case "continue":
            return step.next
        case "stop":
            return Edge(None)
        case _:
            return Edge(step.id, otherwise_done=True)


def _shape(step: AnyStep) -> str:
    label = _quoted(f"{step.id}\n{what(step)}")
    match step:
        case Wait() | WaitUntil() | WaitDate():
            return f"([{label}])"
        case Branch() | Split():
            return f"{{{label}}}"
        case Stop():
            return f"(({label}))"
        case Cta():
            return f"[/{label}/]"
        case _:
            return f"[{label}]"


def kind(step: AnyStep) -> str:
    """The key that a step of this kind has in YAML; a `date` is what `at` makes a step wait for."""
    match step:
        case WaitUntil():
            return "wait_until"
        case WaitDate():
            return "date"
        case Branch():
            return "if"
        case _:
            return type(step).__name__.lower()


def what(step: AnyStep) -> str:
    """What a step does, in a line."""
    said = does(step)
    if isinstance(step, SendingStep) and step.expires is not None:
        said += f", within {step.expires}"
    if isinstance(step, SendingStep) and step.repeat is not None:
        until = f" until {step.repeat.until.text}" if step.repeat.until else ""
        said += f", {step.repeat.times} times, every {step.repeat.every}{until}"
    return said if step.only_if is None else f"{said}, if {step.only_if.text}"


def _sends(step: Sending) -> str:
    match step:
        case Email():
            return f"mail {step.template} to {step.to}{_beside(step)}"
        case Notice():
            return f"notice of {step.milestone} to {step.to}{_beside(step)}"
        case Cta():
            return f"CTA {step.template} to {step.to}{_beside(step)}" + (f", due in {step.due}" if step.due else "")
        case Webhook():
            return f"webhook {step.endpoint}" + (f" with {', '.join(step.reads)}" if step.reads else "")
        case _:
            assert_never(step)


def _beside(step: AddressedStep) -> str:
    """Who else has to do with it."""
    read = f", read first by {step.approve.by}" if step.approve else ""
    return (f", copy to {', '.join(step.cc)}" if step.cc else "") + read


def does(step: AnyStep) -> str:
    """What a step does, its `if` and its repeats aside."""
    match step:
        case Email() | Notice() | Cta() | Webhook():
            return _sends(step)
        case Wait():
            return f"wait {step.duration}"
        case WaitUntil():
            return f"wait until {step.until.text}" + (f", at most {step.at_most}" if step.at_most else "")
        case WaitDate():
            return f"wait for {step.at.text}"
        case Branch():
            return f"if {step.condition.text}"
        case Split():
            return "split " + ", ".join(f"{arm.name} {arm.weight:g}%" for arm in step.arms)
        case Set():
            return "set " + ", ".join(f"{name} = {value}" for name, value in step.values.items())
        case Enrol():
            return f"enrol into {step.playbook}"
        case Stop():
            return "stop"
        case _:
            assert_never(step)


def _entry(plan: Plan) -> str:
    parts = [condition.text for condition in (plan.audience, plan.enter) if condition is not None]
    parts += [str(plan.event)] if plan.event is not None else []
    return f"{plan.playbook}\n{' and '.join(parts) or ('by hand' if plan.manual else 'everyone')}"


def _quoted(text: str) -> str:
    """A label: line by line, cut to a readable length, every character that Mermaid or HTML could read as its own a reference."""
    lines = [line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…" for line in text.split("\n")]
    return '"' + "<br/>".join("".join(map(_reference, line)) for line in lines) + '"'


def _reference(character: str) -> str:
    if character.isalnum() or character in " .,'_-/…":
        return character
    if not character.isprintable():
        return " "
    # Mermaid's own form of a character reference: `#34;` is a quote.
    return f"#{ord(character)};"


def explain(plan: Plan) -> str:
    """The plan in words, a line a step; steps of a wait's `otherwise` are set in."""
    title = plan.title.get("") or plan.title.get("en") or next(iter(plan.title.values()), "")
    head = [f"{plan.playbook}{f': {title}' if title and title != plan.playbook else ''}"]
    head.append(f"  for each {plan.subject.value}, {plan.schedule.text}, priority {plan.priority}, topic {plan.topic}")
    for word, condition in (
        ("audience", plan.audience),
        ("enter", plan.enter),
        ("once per", plan.once_per),
        ("goal", plan.goal),
        ("exit", plan.exit),
        ("while", plan.while_),
        ("hold", plan.hold),
    ):
        if word == "enter" and plan.event is not None:
            head.append(f"  enter: {plan.event}, within {plan.event.within}")
        if condition is not None:
            head.append(f"  {word}: {condition.text}")
    if plan.mode != LIVE:
        head.append(f"  mode: {plan.mode}")
    if plan.holdout:
        head.append(f"  holdout: {plan.holdout:.4g} of the accounts")
    if plan.reenter is not None:
        again = "once it was not true in between" if plan.event is None else "with the next event"
        head.append(f"  again: {plan.reenter} after the end, {again}")
    return "\n".join([*head, "  steps:", *(_line(plan, number, step) for number, step in enumerate(plan.steps))]) + "\n"


def _line(plan: Plan, number: int, step: AnyStep) -> str:
    after = plan.steps[number + 1].id if number + 1 < len(plan.steps) else None
    ways = [f"{label} → {_target(edge)}" for label, edge in edges(step) if label or edge.to != after]
    indent = "  " * len(step.watched_by)
    return f"    {indent}{step.id}: {what(step)}" + (f" ({'; '.join(way.removeprefix(' ') for way in ways)})" if ways else "")


def _target(edge: Edge) -> str:
    return f"back to {edge.to}" if edge.otherwise_done else edge.to or "end"
