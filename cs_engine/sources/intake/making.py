"""What a sync writes: accounts, contacts with all that is known of them and was, and touches, as files of a set."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from cs_engine.playbook.sources import TouchesSource, span
from cs_engine.ports import CollectedMark, SourceReport
from cs_engine.sources.intake import beside
from cs_engine.sources.intake import columns as cols
from cs_engine.sources.intake.checking import ACCOUNTS, ATTRIBUTES, CONTACTS, YES
from cs_engine.sources.intake.checking import TOUCHES as TOUCHES_ROOM
from cs_engine.sources.intake.events import Events
from cs_engine.sources.intake.few import csms, few_values, locales, no_zones
from cs_engine.sources.intake.growing import Numbers
from cs_engine.sources.intake.reading import Checked, Reading
from cs_engine.sources.intake.standing import TOUCHES, standing
from cs_engine.sources.sets import history
from cs_engine.sources.sets.segments import COMPRESSION, open_strangers, write_strangers
from cs_engine.sources.sets.snapshot import UsageSet
from cs_engine.sources.sql import listed, quoted, text
from cs_engine.usage.attributes import Attributes


@dataclass(slots=True)
class Making:
    """A set on its way, from sources that are being read."""

    reading: Reading
    made: UsageSet
    """As far as it has come."""
    before: UsageSet | None = None
    """The set in force, of which what is proven to be as it was stays; None: all is read."""
    collected: CollectedMark | None = None
    """Where calls stood before anything was read."""
    lender: UsageSet | None = None
    """The set before where its people stand as they are."""
    told: dict[str, set[str]] = field(default_factory=lambda: {"accounts": set(), "contacts": set()})
    """Attributes whose past their sources tell themselves."""

    def all(self) -> list[SourceReport]:
        """Reads every source into the set, but for what stands as it is. Raises SyncStopped when one will not do."""
        sources, db = self.reading.config.sources, self._db
        history.begin(db)
        numbers = Numbers(db, self.before) if self.before is not None else None
        if numbers is not None and numbers.worn:
            self.before = numbers = None
        found = standing(self.reading, self.before, self.collected)
        self.lender = self.before if found.people else None
        reports = self._linked(self.lender) if self.lender is not None else self._read(numbers)
        if numbers is not None:
            numbers.open_strangers()
        else:
            open_strangers(db, self.made.folder)
        events = Events(self.reading, self.before, self.made)
        read = {name: events.take(name, source) for name, source in {"usage": sources.usage, **sources.more}.items()}
        self.made = events.made
        if numbers is not None:
            numbers.close_strangers(self.made)
        write_strangers(db, self.made.folder)
        touches = {TOUCHES: self._touches(sources.touches, stand=found.touches)} if sources.touches is not None else {}
        types = {name: columns for name, (columns, _) in read.items()}
        attributes = replace(self.made.attributes, events=types, odd=self.reading.odd)
        self.made = replace(self.made, attributes=attributes, past_people=found.after(reports | touches))
        return [*reports.values(), *(report for _, report in read.values()), *touches.values()]

    def _read(self, numbers: Numbers | None) -> dict[str, SourceReport]:
        """Accounts, contacts and what is known of them elsewhere, read; what became of each, by its key."""
        sources, db = self.reading.config.sources, self._db
        accounts = self._people("accounts", self.reading.source("accounts", sources.accounts, ACCOUNTS), numbers)
        beside_accounts = self._join("accounts", accounts)
        contacts = self._people("contacts", self.reading.source("contacts", sources.contacts, CONTACTS), numbers)
        beside_contacts = self._join("contacts", contacts)
        blanks = cols.blanks(db, "account", "accounts", accounts.columns)
        blanks |= cols.blanks(db, "contact", "contacts", contacts.columns)
        few = few_values(db, "account", "accounts", accounts.columns) | few_values(db, "contact", "contacts", contacts.columns)
        attributes = Attributes(accounts.columns, contacts.columns, blanks=blanks, values=few, csms=csms(db), no_zones=no_zones(db))
        self.made = replace(self.made, attributes=attributes, locales=locales(db))
        return {"accounts": accounts.report, "contacts": contacts.report, **beside_accounts, **beside_contacts}

    def _linked(self, before: UsageSet) -> dict[str, SourceReport]:
        """The same of the set before: nothing that they are made of has changed."""
        sources = self.reading.config.sources
        assert before.past_people is not None
        for people, file in (("accounts", before.accounts), ("contacts", before.contacts)):
            self.made.take_over(file)
            self._db.execute(f"CREATE VIEW {people} AS FROM read_parquet({text(file)})")
        reports = {key: report._replace(fresh=0) for key, report in before.past_people.reports.items() if key != TOUCHES}
        self.reading.bad += [report for report in reports.values() if report.bad]
        names = {"accounts", "contacts", *sources.attributes}
        self.reading.odd |= {key: said for key, said in before.attributes.odd.items() if key.partition(".")[0] in names}
        known = before.attributes
        few = {name: values for name, values in known.values.items() if name.startswith(("account.", "contact."))}
        told = [f"attributes-{name}" for name, source in sources.attributes.items() if source.learned_at is not None]
        self.made = replace(
            self.made,
            attributes=Attributes(known.account, known.contact, blanks=known.blanks, values=few, csms=known.csms, no_zones=known.no_zones),
            locales=before.locales,
            people=before.people,
            rows=before.rows,
            read={**self.made.read, **{key: before.read[key] for key in told}},
        )
        return reports

    @property
    def _db(self) -> duckdb.DuckDBPyConnection:
        return self.reading.db

    def _people(self, name: str, checked: Checked, numbers: Numbers | None) -> Checked:
        """The good rows as a table: each id has the number that it had, new ones those that follow, in the order of the source."""
        known, joined = numbers.number(name) if numbers is not None else ('row_number() OVER (ORDER BY c."#file", c."#line") - 1', "")
        account = 'c."#account", ' if name == "contacts" else ""
        self._db.execute(
            f'CREATE OR REPLACE TABLE {quoted(name)} AS SELECT CAST({known} AS INTEGER) AS "#no", {account}'
            f"{listed(f'c.{quoted(key)}' for key in checked.columns)} FROM {quoted(checked.table)} AS c {joined} "
            f'WHERE c."#fault" IS NULL ORDER BY 1'
        )
        self._db.execute(f"DROP TABLE {quoted(checked.table)}")
        return checked

    def _join(self, people: str, checked: Checked) -> dict[str, SourceReport]:
        """Further attributes of accounts or contacts, beside those that `checked` has; then all are written."""
        reports = {}
        for name, source in self.reading.config.sources.attributes.items():
            if source.people == people:
                read = self.reading.source(name, source, ATTRIBUTES)
                names = beside.names(name, source, checked.columns, read.columns)
                told = "learned_at" in read.columns
                joined = beside.join(self._db, people, read.table, names, told=told)
                if told:
                    self.told[people].update(names.values())
                    self.made = replace(self.made, read={**self.made.read, f"attributes-{name}": joined.latest})
                self.made = replace(self.made, rows={**self.made.rows, name: read.report.kept})
                checked.columns.update({shown: read.columns[column] for column, shown in names.items()})
                reports[f"attributes-{name}"] = read.report._replace(source=name, note=joined.note)
        self._write(f'SELECT * FROM {quoted(people)} ORDER BY "#no"', f"{people}.parquet")
        return reports

    def compare(self, before: UsageSet | None, kept: Path | None, now: datetime) -> None:
        """What attributes were in the set before, kept with this one."""
        length = self.reading.config.sources.history
        since = now - (timedelta(microseconds=span(length) or 0) if length else history.KEPT)
        if kept is not None and self.lender is not None and history.stands(self._db, kept, since):
            self.made.take_over(kept)
            self.made = replace(self.made, changed=self.lender.changed, told=self.lender.told)
            return
        if kept is not None:
            history.carry(self._db, kept, since, told=self.lender is not None)
        if before is not None and self.lender is None:
            for people, file in (("accounts", before.accounts), ("contacts", before.contacts)):
                history.compare(self._db, people, file, now, self.told[people])
        changed, told = history.write(self._db, self.made.history)
        self.made = replace(self.made, changed=changed, told=told)

    def _touches(self, source: TouchesSource, *, stand: bool) -> SourceReport:
        if stand and self.lender is not None and self.lender.past_people is not None:
            self.made.take_over(self.lender.touches)
            return self.lender.past_people.reports[TOUCHES]._replace(fresh=0)
        checked = self.reading.source("touches", source, TOUCHES_ROOM)
        answered = f"CASE WHEN lower(answered) IN ({listed(map(text, sorted(YES)))}) THEN 'yes' WHEN answered <> '' THEN 'no' ELSE '' END"
        self._write(
            f"SELECT DISTINCT account, coalesce(contact, '') AS contact, lower(kind) AS kind, coalesce(\"by\", '') AS \"by\", "
            f'epoch_us("at") AS "at", {answered} AS answered FROM {quoted(checked.table)} WHERE "#fault" IS NULL ORDER BY "at", 1, 2, 3, 4',
            "touches.parquet",
        )
        self._db.execute(f"DROP TABLE {quoted(checked.table)}")
        return checked.report

    def _write(self, select: str, file: str) -> None:
        self._db.execute(f"COPY ({select}) TO {text(self.made.folder / file)} ({COMPRESSION})")
