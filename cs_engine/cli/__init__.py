"""The command line. Each command lives in a file of its own and is imported when it is called: `check` pays for no Prefect."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module

import click

from cs_engine.errors import CsEngineError, ProblemsFound

COMMANDS = {
    "init": "Make a new project that passes check and run as it is.",
    "new": "Make a playbook from a recipe, with its mails beside it.",
    "check": "Every problem with file, line, column, code and a mend.",
    "schema": "Write the JSON schemas for editors.",
    "list": "Playbooks, segments, metrics, milestones: what each is, who uses it.",
    "metrics": "What each metric means, how its values lie, who uses it.",
    "sync": "Read accounts, contacts and usage from the sources.",
    "plan": "What would change, in people: versions, who is inside which, whom a first run would enrol.",
    "apply": "Make it so: new versions, who matches already, and with --migrate move people.",
    "run": "One tick through Prefect, or a span of ticks.",
    "enrol": "Enrol accounts into a playbook by hand.",
    "pause": "Stop a playbook, or one account in it, until it is resumed.",
    "resume": "Let a playbook go on that was paused, or stopped itself.",
    "approve": "Say yes to a mail that waits for one, or to what a guard holds.",
    "cta": "CTAs that are open; done, snoozed, useful or a false alarm.",
    "touch": "Log a call, mail or meeting of your own.",
    "ledger": "What went to an account and what came back; whom persistence has lost.",
    "health": "How healthy accounts are, what an account's health is made of, and what moved it.",
    "milestones": "What was reached when and on which evidence, what is expected when, and how long customers take.",
    "confirm": "Say yes to a milestone for the customer, who told you.",
    "predict": "Learn from history what goes with an outcome, judge it on what came later, propose a playbook's enter.",
    "skip": "Skip one account's next step in a playbook.",
    "postpone": "Let one account's next step in a playbook wait.",
    "edit": "Write one account's next mail in a playbook differently.",
    "resolve": "Say what became of a message that nobody else can tell of.",
    "preview": "The e-mail or alert as that customer or CSM would get it.",
    "why": "Why a playbook did, or did not, do what it did for an account.",
    "draw": "A playbook as a diagram: Mermaid or SVG.",
    "deploy": "Write the deployments to prefect.yaml.",
    "up": "Everything on one machine: Prefect, the ticks on their schedule, the web.",
    "serve": "The web: the pages on which customers answer, unsubscribe and choose, and what Slack and SendGrid call.",
    "suppress": "Never mail this address again.",
    "unsuppress": "Let mail go to this address again.",
    "export": "All that is held about a person, as JSON.",
    "erase": "Take out what is held about a person, and never mail them again.",
    "doctor": "Settings, database, Prefect, templates, keys: what is wrong and how to mend it.",
}


class _Lazy(click.Group):
    """Knows its commands by name, and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [*COMMANDS]  # `list` is our command here, once it has been imported

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"cs_engine.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from cs_engine.language.problems import did_you_mean

            near = did_you_mean(name, COMMANDS)
            ctx.fail(f"no such command {name!r}{'; ' + near if near else ''}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="\b\nStart here:\n  cs-engine init demo && cd demo && cs-engine check && cs-engine run --dry-run",
)
@click.version_option(package_name="cs-engine", prog_name="cs-engine")
def app() -> None:
    """Playbooks in YAML, compiled to Prefect flows that watch product usage and send step e-mails, milestone notices and Slack CTAs."""


def main() -> None:
    """The console script. Exit 0 done, 1 problems found, 2 wrong use; never a bare traceback."""
    gc.set_threshold(20_000)  # imports and plans make much that stays: looking through it time and again is a seventh of `check`
    try:
        sys.exit(app(standalone_mode=False))  # what a command gives is its exit code; None is 0
    except click.Abort:
        click.echo("stopped; nothing is lost: run it again", err=True)
        sys.exit(130)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except ProblemsFound as found:
        from cs_engine.language.problems import render_all

        click.echo(render_all(found.problems, found.sources), err=True)
        sys.exit(found.exit_code)
    except CsEngineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("CS_ENGINE_DEBUG"):
            raise
        click.echo(f"error: {_said(error)}", err=True)
        sys.exit(1)


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}\n  mend: see that the folder is there, is yours, and has room"
    # Not its text: that may quote a customer's data.
    return f"{type(error).__name__} inside cs-engine\n  mend: run it with CS_ENGINE_DEBUG=1 and report what it shows"
