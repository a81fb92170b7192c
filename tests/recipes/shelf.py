"""A fresh project as `cs-engine init` makes it, a recipe in it, and customers of our own: one account in English, one in Japanese."""

from __future__ import annotations

import csv
import gzip
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from cs_engine.scaffold import make, the_recipe
from cs_engine.settings import Settings
from cs_engine.wiring import load_project
from tests.stories.world import Ticked, World, copy_of, day, opened

BEFORE = day(-90)
"""When the two accounts signed up."""
CSM = "csm1@vendor.example"
PEOPLE = {"emi": ("acme", "en", "Emi Stone"), "jun": ("yamada", "ja", "山田 純")}
"""Champion -> (account, locale, name)."""


class Shelf(World):
    """Names a recipe, makes it, and lives through its story. Only its playbook runs."""

    recipe: str

    def columns(self, *, since: datetime = BEFORE, **columns: object) -> Shelf:
        """Both accounts, with those columns, and their champions, signed up then."""
        for id, (account, locale, name) in PEOPLE.items():
            self.account(account, since=since, locale=locale, csm=CSM, **columns)
            self.contact(id, account, since=since, locale=locale, name=name)
        return self

    def colleagues(self, many: int) -> Shelf:
        """So many more people in each account."""
        for account in ("acme", "yamada"):
            joined = datetime.fromisoformat(self.accounts[account]["signed_up_at"]) + timedelta(days=1)
            for number in range(many):
                self.contact(f"{account}{number}", account, "operator", since=joined)
        return self

    def all_use(self, at: datetime, *, but: int = 0, event: str = "used") -> Shelf:
        """Everybody there uses the product at that time, but so many of each account."""
        for account in ("acme", "yamada"):
            ids = [id for id, row in self.contacts.items() if row["account_id"] == account]
            for id in ids[: len(ids) - but]:
                self.uses(account, at, contact=id, event=event)
        return self

    def run(self, at: datetime) -> Ticked:
        return self.tick(at, self.recipe, until=at + timedelta(hours=12))

    def on(self, *days: int) -> list[Ticked]:
        """A tick on each of those days."""
        return [self.run(day(number)) for number in days]


def stock(starter: Path, folder: Path, recipe: str) -> Shelf:
    """The starter's project with the recipe and what it needs, reading our customers in place of the sample's. The playbooks beside it
    are gone: they would not run, and each tick would read and count for them.
    """
    copy_of(starter, folder)
    supply(folder, recipe)
    make(load_project(Settings(cs_engine_project=folder)), the_recipe(recipe))
    for beside in (folder / "playbooks").iterdir():
        if beside.is_dir() and beside.name != recipe:
            shutil.rmtree(beside)
    config = folder / "playbooks/project.yaml"
    text = config.read_text(encoding="utf-8").replace("    id: event_id # a row that is delivered twice counts once\n", "")
    for sample, own in (("accounts", "accounts"), ("contacts", "contacts"), ("usage_events", "usage")):
        text = text.replace(f"data/contributions/{sample}.csv.gz", f"data/{own}.csv")
    config.write_text(text, encoding="utf-8")
    shelf = Shelf(folder)
    shelf.recipe = recipe
    needs = [need.partition(".") for need in the_recipe(recipe).spec.needs]
    shelf.account_columns += tuple(name for kind, _, name in needs if kind == "account" and name not in shelf.account_columns)
    shelf.contact_columns += tuple(name for kind, _, name in needs if kind == "contact" and name not in shelf.contact_columns)
    return shelf


def supply(folder: Path, recipe: str) -> None:
    """Gives a fresh project what the recipe says that it needs and the sample has not: a value for everybody."""
    sample = folder / "data/contributions"
    for need in the_recipe(recipe).spec.needs:
        kind, _, name = need.partition(".")
        match kind:
            case "account" | "contact":
                _add_column(sample / f"{kind}s.csv.gz", name, "2026-09-01" if name.endswith(("_at", "_on")) else "1")
            case "source":
                (folder / f"data/{name}.csv").write_text("account_id,contact_id,event,occurred_at\n", encoding="utf-8")
                config = folder / "playbooks/project.yaml"
                text = config.read_text(encoding="utf-8")
                more = "" if "\n  more:\n" in text else "  more:\n"
                at = text.index("  more:\n") + len("  more:\n") if not more else text.index("  most_bad_rows:")
                config.write_text(f"{text[:at]}{more}    {name}: {{file: data/{name}.csv}}\n{text[at:]}", encoding="utf-8")
            case "staff":
                with (folder / "playbooks/team.yaml").open("a", encoding="utf-8") as team:
                    team.write(f"\n  - {{email: {name}@vendor.example, name: Sasha Sample, role: {name}, slack: U0SAMPLE09}}\n")
            case _:
                raise ValueError(need)


def _add_column(path: Path, name: str, value: str) -> None:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    if name in header:
        return
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*header, name], *([*row, value] for row in rows)])


def languages(ticks: list[Ticked]) -> dict[str, list[str]]:
    """Champion -> the subjects of the mails that came, in order."""
    found: dict[str, list[str]] = {id: [] for id in PEOPLE}
    for ticked in ticks:
        for file in ticked.files:
            who = file.to.split("@")[0]
            if file.path.suffix == ".eml" and who in found:
                found[who].append(str(opened(file)["Subject"]))
    return found


def alerts(ticks: list[Ticked]) -> list[str]:
    """What came in Slack, in order: `U0SAMPLE01: The champion has left`, as far as its first colon or number; not what is overdue."""
    return [line for ticked in ticks for line in ticked.sent if line.startswith(("U0", "#")) and "*Overdue*" not in line]
