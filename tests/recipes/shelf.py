"""A fresh project as `cs-engine init` makes it, a recipe in it, and customers of our own: one account in English, one in Japanese."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from cs_engine.scaffold import make, the_recipe
from cs_engine.settings import Settings
from cs_engine.starter import make_project
from cs_engine.wiring import load_project
from tests.stories.world import Ticked, World, day, opened

BEFORE = day(-90)
"""When the two accounts signed up."""
CSM = "csm1@vendor.example"
PEOPLE = {"emi": ("acme", "en", "Emi Stone"), "jun": ("yamada", "ja", "山田 純")}
"""Champion -> (account, locale, name)."""


class Shelf(World):
    """Names a recipe, makes it, and lives through its story. Only its playbook runs."""

    recipe: str

    def columns(self, **columns: object) -> Shelf:
        """Both accounts, with those columns, and their champions."""
        for id, (account, locale, name) in PEOPLE.items():
            self.account(account, since=BEFORE, locale=locale, csm=CSM, **columns)
            self.contact(id, account, since=BEFORE, locale=locale, name=name)
        return self

    def colleagues(self, many: int) -> Shelf:
        """So many more people in each account."""
        for account in ("acme", "yamada"):
            for number in range(many):
                self.contact(f"{account}{number}", account, "operator", since=BEFORE + timedelta(days=1))
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


def stock(folder: Path, recipe: str) -> Shelf:
    """The project with the recipe, reading our customers in place of the sample's."""
    make_project(folder)
    make(load_project(Settings(cs_engine_project=folder)), the_recipe(recipe))
    config = folder / "playbooks/project.yaml"
    text = config.read_text(encoding="utf-8").replace("    id: event_id # a row that is delivered twice counts once\n", "")
    for sample, own in (("accounts", "accounts"), ("contacts", "contacts"), ("usage_events", "usage")):
        text = text.replace(f"data/contributions/{sample}.csv.gz", f"data/{own}.csv")
    config.write_text(text, encoding="utf-8")
    shelf = Shelf(folder)
    shelf.recipe = recipe
    return shelf


def languages(ticks: list[Ticked]) -> dict[str, list[str]]:
    """Champion -> the subjects of the mails that came, in order."""
    found: dict[str, list[str]] = {id: [] for id in PEOPLE}
    for ticked in ticks:
        for file in ticked.files:
            who = file.to.split("@")[0]
            if file.path.suffix == ".eml" and who in found:
                found[who].append(str(opened(file)["Subject"]))
    return found
