"""Which mail law rules whom, as project.yaml says; and what is missing in it for the law that is named."""

from __future__ import annotations

import re
from collections.abc import Callable

from cs_engine.language.problems import Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook.config import Law, LawSpec, ProjectConfig
from cs_engine.playbook.shape import Path, shown

EU = "EU"
"""Stands for all countries of the European Economic Area, for each that is not named itself."""
_EU = frozenset({
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT", "NL", "PL", "PT",
    "RO", "SK", "SI", "ES", "SE", "IS", "LI", "NO",
})  # fmt: skip
_MISTAKEN = {"UK": "GB", "EN": "GB", "JA": "JP", "EL": "GR"}
"""What people write -> the country's code in ISO 3166."""
NEEDS_CONSENT: frozenset[Law] = frozenset({"eu", "jp"})
"""Laws by which mail goes only to those who said yes, or are customers; the others ask for a way out alone."""


def law_of(spec: LawSpec | None) -> Callable[[str], Law | None]:
    """A person's country, as a code of two letters ('' for unknown) -> the law that rules mail to them; None: nobody has said."""
    if spec is None:
        return lambda _country: None
    countries = {name.upper(): law for name, law in spec.countries.items()}

    def law(country: str) -> Law:
        code = country.strip().upper()
        return countries.get(code) or (countries.get(EU) if code in _EU else None) or spec.else_

    return law


def laws(spec: LawSpec) -> set[Law]:
    """All that may rule somebody."""
    return {spec.else_, *spec.countries.values()}


def check_law(config: ProjectConfig, document: Document, problems: Problems) -> None:
    """P214: what the law that is named asks for and project.yaml does not have."""
    spec = config.law
    if spec is None:
        return
    for name in spec.countries:
        if not re.fullmatch(r"[A-Za-z]{2}", name):
            place = document.key_place(("law", "countries", name))
            problems.add(place, "P214", f"{shown(name)} is no country's code", "write two letters: JP, US, DE; EU stands for all of it")
        elif (meant := _MISTAKEN.get(name.upper())) is not None:
            place = document.key_place(("law", "countries", name))
            problems.add(place, "P214", f"{shown(name)} is no country's code", f"write {meant}")
    named = ", ".join(sorted(laws(spec)))

    def missing(path: Path, what: str, mend: str) -> None:
        problems.add(document.key_place(path), "P214", f"by the law that you name ({named}) {what}", mend)

    if not any(text.strip() for text in (config.company.postal_address or {}).values()):
        missing(("company",), "each mail shows the sender's postal address, and there is none", "postal_address: … under company")
    if "jp" in laws(spec) and not (config.company.contact or "").strip():
        missing(
            ("company",),
            "each mail shows where a recipient can ask or complain, and there is nothing",
            "contact: … under company, an address or a URL",
        )
    if laws(spec) & NEEDS_CONSENT and config.sources.contacts.consent is None and spec.blank == "none":
        missing(
            ("sources", "contacts"),
            "mail goes only where consent, or being a customer, is on record, and no column says so",
            "consent: COLUMN under sources.contacts; or `blank: customer` under law, where all in your sources are customers",
        )
