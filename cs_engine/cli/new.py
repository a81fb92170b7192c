"""`cs-engine new`."""

from __future__ import annotations

import click

from cs_engine.cli.show import console as open_console
from cs_engine.cli.show import say
from cs_engine.cli.show import table as new_table
from cs_engine.errors import WrongUse


@click.command(
    "new",
    epilog="\b\nExamples:\n  cs-engine new --list\n  cs-engine new expansion-seats\n  cs-engine new feature-adoption --name reports",
)
@click.argument("recipe", required=False)
@click.option("--name", help="What the playbook is called; default: as the recipe.")
@click.option("--list", "listed", is_flag=True, help="Shows the recipes there are.")
def command(recipe: str | None, name: str | None, listed: bool) -> None:
    """Make a playbook from a RECIPE, with its mails and alerts beside it in every language that it is written in."""
    from cs_engine.scaffold import make, the_recipe
    from cs_engine.wiring import load_project

    if listed or recipe is None:
        if not listed:
            raise WrongUse("which recipe?", "cs-engine new --list names them")
        _show_all()
        return
    made = make(load_project(), the_recipe(recipe), name)
    say(f"Made the playbook {made.playbook}:")
    for file in made.files:
        say(f"  {file}")
    for file, names in made.added.items():
        say(f"Added to {file}: {', '.join(names)}. Look whether they count what you mean.")
    if made.untranslated:
        say("It is written in English in place of your own language: translate the files without a language in their name.")
    for need, mend in made.missing.items():
        say(f"Your project has no {need}: {mend}")
    say(f"Next: put your own addresses into `vars`, then cs-engine check && cs-engine draw {made.playbook}")


def _show_all() -> None:
    from cs_engine.scaffold import recipes

    console = open_console()
    table = new_table("Recipes")
    table.add_column("recipe", no_wrap=True)
    table.add_column("what it does")
    table.add_column("languages", no_wrap=True)
    for recipe in recipes().values():
        table.add_row(recipe.id, recipe.spec.about.get("en") or next(iter(recipe.spec.about.values())), ", ".join(recipe.locales()))
    console.print(table)
