"""`cs-engine why`."""

from __future__ import annotations

from typing import Any

import click

from cs_engine.cli.show import as_json, format_option
from cs_engine.errors import WrongUse


@click.command(
    "why", epilog="\b\nExamples:\n  cs-engine why acc_e46983976a went-quiet\n  cs-engine why acc_e46983976a went-quiet --format json"
)
@click.argument("account")
@click.argument("playbook")
@format_option
def command(account: str, playbook: str, form: str) -> None:
    """Why PLAYBOOK did, or did not, do what it did for ACCOUNT: the values that it saw at the last tick, and what comes next."""
    from cs_engine.cli.find import the_plan
    from cs_engine.run.explain import explain
    from cs_engine.run.observe import look
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        plan = the_plan(assembled.project, playbook)
        if not assembled.usage.synced():
            raise WrongUse("there is no usage yet", "cs-engine sync")
        tick = look(assembled.engine)
        found = explain(tick, plan, account)
        tick.facts.close()
    if not found["exists"] and not found["passages"] and not found["journal"]:
        raise WrongUse(f"no account {account!r} at {found['now']}", "look it up in the accounts source; ids are exact")
    click.echo(as_json(found) if form == "json" else _text(found))


def _text(found: dict[str, Any]) -> str:
    lines = [f"{found['account']} and {found['playbook']} at {found['now']}"]
    for subject in found["subjects"]:
        lines.append(f"\n{subject['subject']}: {subject['verdict']}")
        for name, seen in subject["conditions"].items():
            values = ", ".join(f"{key} = {value}" for key, value in seen["values"].items())
            lines.append(f"  {name:<9}{'true ' if seen['holds'] else 'false'}  {seen['text']}" + (f"   [{values}]" if values else ""))
    for passage in found["passages"]:
        end = (
            f"finished ({passage['finished']}) at {passage['finished_at']}"
            if passage["finished"]
            else f"at {passage['step']}: {passage['next']}"
        )
        lines.append(f"\npassage of {passage['subject']} since {passage['entered_at']}: {end}")
    if found["journal"]:
        lines.append("\njournal")
        for line in found["journal"]:
            values = ", ".join(f"{key} = {value}" for key, value in line["seen"].items())
            lines.append(f"  {line['at']}  {line['step']:<20} {line['event']:<10} {line['reason']}" + (f"   [{values}]" if values else ""))
    if found["messages"]:
        lines.append("\nmessages")
        for m in found["messages"]:
            reason = f" ({m['reason']})" if m["reason"] else ""
            until = f", not before {m['not_before']}" if m["not_before"] and m["state"] in ("held", "planned") else ""
            lines.append(f"  {m['planned_at']}  {m['step']:<20} {m['kind']:<7} to {m['to']}: {m['state']}{reason}{until}")
    return "\n".join(lines)
