"""`cs-engine preview`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from cs_engine.cli.show import say
from cs_engine.errors import WrongUse


@click.command(
    "preview",
    epilog="\b\nExamples:\n"
    "  cs-engine preview onboarding-self-serve welcome --account acc_e46983976a\n"
    "  cs-engine preview onboarding-self-serve welcome --account acc_e46983976a --locale ja -o welcome.html",
)
@click.argument("playbook")
@click.argument("step")
@click.option("--account", required=True, help="The account's id.")
@click.option("--locale", default=None, help="As if the recipient's locale were this one.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="A file: .html, .txt, .json or .eml by its ending.")
def command(playbook: str, step: str, account: str, locale: str | None, output: Path | None) -> None:
    """The e-mail or alert of STEP as that customer, or the CSM, would get it now. Sends and changes nothing."""
    from cs_engine.cli.find import the_plan, the_step
    from cs_engine.run.desk.preview import preview
    from cs_engine.run.observe import look
    from cs_engine.wiring import assemble

    with assemble() as assembled:
        plan = the_plan(assembled.project, playbook)
        found = the_step(plan, step)
        if not assembled.usage.synced():
            raise WrongUse("there is no usage yet", "cs-engine sync")
        tick = look(assembled.engine)
        shown = preview(tick, plan, found, account, locale)
        tick.facts.close()
    if output is None:
        for one in shown:
            click.echo(_text(one))
        return
    ending = output.suffix.lower().lstrip(".")
    written = next((w for one in shown if (w := _in_form(one, ending)) is not None), None)
    if written is None:
        raise WrongUse(f"this step has no form for {output.name!r}", "for mail use .html, .txt or .eml; for alerts .json")
    output.write_bytes(written)
    say(f"written to {output}")


def _in_form(one: dict[str, Any], ending: str) -> bytes | None:
    match ending, one["channel"]:
        case "html", "email":
            return str(one["html"]).encode()
        case "txt", "email":
            return str(one["text"]).encode()
        case "eml", "email":
            return bytes(one["eml"])
        case "json", "webhook":
            return json.dumps(one["said"], ensure_ascii=False, indent=2).encode()
        case "json", "slack":
            return json.dumps({"text": one["text"], "blocks": one["blocks"]}, ensure_ascii=False, indent=2).encode()
    return None


def _text(one: dict[str, Any]) -> str:
    if one["channel"] == "email":
        return f"From: {one['from']}\nTo: {one['to']}\nSubject: {one['subject']}\n\n{one['text']}"
    if one["channel"] == "webhook":
        return f"POST {one['to']}\n{json.dumps(one['said'], ensure_ascii=False, indent=2)}"
    return f"Slack {one['to']}: {one['text']}\n{json.dumps(one['blocks'], ensure_ascii=False, indent=2)}"
