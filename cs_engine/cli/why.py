"""`cs-engine why`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import click

from cs_engine.cli.show import MomentOrDay, as_json, as_of, format_option
from cs_engine.errors import NoAccount, WrongUse

_MARKS = {"left": "✓", "here": "▶", "ahead": "·", "not_reached": "·"}
_SAYS_ITSELF = ("segment:", "reached:", "claimed:", "doubted:")
"""Columns whose value is that of the very words that read them."""


@click.command(
    "why",
    epilog="\b\nExamples:\n  cs-engine why acc_e46983976a went-quiet\n  cs-engine why acc_e46983976a\n"
    "  cs-engine why acc_e46983976a went-quiet --at 2012-08-20T17:00Z\n"
    "  cs-engine why acc_e46983976a went-quiet --format json | jq '.subjects[].verdict'",
)
@click.argument("account")
@click.argument("playbook", required=False)
@click.option("--at", type=MomentOrDay(), help="As it was at that time, or as that day ended; default: at the last tick.")
@format_option
def command(account: str, playbook: str | None, at: datetime | date | None, form: str) -> None:
    """Why PLAYBOOK did, or did not, do what it did for ACCOUNT: each part of each condition with its value, and what comes next.

    Without PLAYBOOK: every playbook, in a line each.
    """
    from cs_engine.cli.find import the_plan
    from cs_engine.run.desk.explain import explain
    from cs_engine.run.observe import look
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        plans = [the_plan(assembled.project, playbook)] if playbook else sorted(assembled.project.plans.values(), key=lambda p: p.playbook)
        if not assembled.usage.synced():
            raise WrongUse("there is no usage yet", "cs-engine sync")
        tick = look(assembled.engine, as_of(at, assembled.project.config.timezone, assembled.engine.wall.now()))
        told = [explain(tick, plan, account) for plan in plans]
        tick.facts.close()
    if told and not any(found["exists"] or found["passages"] or found["journal"] for found in told):
        raise NoAccount(account, told[0]["now"])
    if playbook:
        click.echo(as_json(told[0]) if form == "json" else "\n".join(_text(told[0])))
    elif form == "json":
        click.echo(as_json(told))
    else:
        click.echo("\n".join(_lines(account, told)))


def _lines(account: str, told: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each playbook: how it stands with the account, or how many of its contacts stand alike."""
    if not told:
        yield "there is no playbook yet: cs-engine new --list"
        return
    yield f"{account} at {told[0]['now']}"
    width = max(len(found["playbook"]) for found in told)
    for found in told:
        verdicts = Counter(subject["verdict"] for subject in found["subjects"])
        of_account = [subject["subject"] for subject in found["subjects"]] == [account]
        said = [verdict if of_account else f"{n} of its contacts: {verdict}" for verdict, n in verdicts.most_common()]
        paused = [f"paused {found['paused']}"] if found["paused"] else []
        yield f"  {found['playbook']:<{width}}  {'; '.join([*said, *paused]) or 'nobody of it could enter'}"
    yield f"why, in full: cs-engine why {account} {told[0]['playbook']}"


def _text(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['account']} and {found['playbook']} at {found['now']}" + (", as it was then" if found["past"] else "")
    if found["paused"]:
        yield f"\npaused {found['paused']}"
    for subject in found["subjects"]:
        yield f"\n{subject['subject']}: {subject['verdict']}"
        for name, condition in subject["conditions"].items():
            yield from _condition(f"  {name:<9}", condition)
        for milestone, since in subject["waiting_for_word"].items():
            yield f"  {milestone}: waiting for the customer's word since {since}"
    for passage in found["passages"]:
        yield from _passage(passage)
    if found["messages"]:
        yield "\nmessages"
        yield from map(_message, found["messages"])
    if found["journal"]:
        yield "\njournal"
        for line in found["journal"]:
            yield f"  {line['at']}  {line['step']:<20} {line['event']:<10} {line['reason']}{_values(line['seen'])}"


def _condition(head: str, condition: Mapping[str, Any]) -> Iterator[str]:
    """A condition on a line, and its parts below it as a tree."""
    parts = condition["parts"]
    yield f"{head}{_truth(condition)}  {condition['text']}" + ("" if parts else _values(condition["values"]))
    yield from _tree(" " * len(head), parts)


def _tree(indent: str, parts: list[Mapping[str, Any]]) -> Iterator[str]:
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        inner = part["parts"]
        yield f"{indent}{'└' if last else '├'} {_truth(part)}  {part['text']}" + ("" if inner else _values(part["values"]))
        yield from _tree(f"{indent}{' ' if last else '│'} ", inner)


def _truth(condition: Mapping[str, Any]) -> str:
    return "true " if condition["holds"] else "false"


def _values(values: Mapping[str, Any]) -> str:
    said = [f"{name} = {_value(value)}" for name, value in values.items() if not name.startswith(_SAYS_ITSELF)]
    return f"   [{', '.join(said)}]" if said else ""


def _value(value: Any) -> str:
    if value is None:
        return "blank"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _passage(passage: Mapping[str, Any]) -> Iterator[str]:
    control = ", control: it takes the same way and nothing is sent" if passage["control"] and not passage["shadow"] else ""
    kind = "shadow passage" if passage["shadow"] else "passage"
    yield f"\n{kind} of {passage['subject']} since {passage['entered_at']}: " + (
        f"finished ({passage['finished']}) at {passage['finished_at']}{control}"
        if passage["finished"]
        else f"at {passage['step']}: {passage['next']}{control}"
    )
    width = max((len(step["step"]) for step in passage["steps"]), default=0)
    for step in passage["steps"]:
        behind = f"{step['reason']} ({step['left_at']})" if step["state"] == "left" else step["does"]
        yield f"  {_MARKS[step['state']]} {step['step']:<{width}}  {behind}"
        if step["order"]:
            yield f"    {'':<{width}}  {_ordered(step['order'])}"
        if step["edit"]:
            yield f"    {'':<{width}}  to go as edited: {_told(step['edit'])}"
        for name, condition in step["conditions"].items():
            yield from _condition(f"    {name:<{width}}  ", condition)


def _ordered(order: Mapping[str, Any]) -> str:
    what = "to be skipped" if order["what"] == "skip" else f"not before {order['until']}"
    return f"{what}: {_told(order)}"


def _told(order: Mapping[str, Any]) -> str:
    return f"{order['reason']}" + (f" ({order['by']})" if order["by"] else "")


def _message(m: Mapping[str, Any]) -> str:
    reason = f" ({m['reason']})" if m["reason"] else ""
    until = f", not before {m['not_before']}" if m["not_before"] and m["state"] in ("held", "planned") else ""
    why = f" ({m['delivery_reason']})" if m["delivery_reason"] else ""
    since = f", {m['delivery']}{why} {m['delivery_at']}" if m["delivery"] else ""
    return f"  {m['planned_at']}  {m['step']:<20} {m['kind']:<7} to {m['to']}: {m['state']}{reason}{until}{since}"
