"""One source -> a table of typed rows, each with what is wrong with it. What a sync and a fold share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import duckdb

from cs_engine.errors import SyncStopped
from cs_engine.language.expression import Type
from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.sources import AccountsSource, ContactsSource, Named, Origin
from cs_engine.ports import Profile, SourceReport
from cs_engine.sources.intake import columns as cols
from cs_engine.sources.intake.checking import EVENTS, AnySource, Room, account_number, faults, in_words, mapping, names_account, typed
from cs_engine.sources.intake.oddities import odd_times, odd_values
from cs_engine.sources.intake.profiles import laid_over, nobody
from cs_engine.sources.intake.staging import Staged, empty, stage, whole
from cs_engine.sources.outside.files import SourceFile, find
from cs_engine.sources.outside.landing import Landing
from cs_engine.sources.sql import listed, quoted, text
from cs_engine.usage.collected import ProfileKind

MEMORY_LIMIT = "640MB"
"""DuckDB's own share in a sync; what does not fit is spilled beside the set."""
MOST_EXAMPLES = 10

Fit = Callable[[Mapping[str, cols.Column], Staged], dict[str, cols.Column]]
"""Makes columns, as the rows alone would have them taken in, what they must be beside others that are there."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A table of typed rows, the bad ones still among them with their #fault."""

    table: str
    columns: dict[str, Type]
    report: SourceReport
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Column of the source -> its type as it was read."""


def staging_database(path: Path, timezone: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB in a file, for a whole sync, in the project's zone, bounded in memory."""
    db = duckdb.connect(str(path))
    db.execute(f"SET TimeZone = {text(timezone)}")
    db.execute(f"SET memory_limit = {text(MEMORY_LIMIT)}")
    db.execute("SET enable_progress_bar = false")
    return db


def files_of(project: Path, named: Named) -> list[SourceFile]:
    """The files that hold a source, opened as far as their header. Raises SyncStopped when there is none."""
    if named.source.file is None:
        return [*Landing(project).files(named)]
    return find(project, named.source.file)


@dataclass(slots=True)
class Reading:
    """The sources of one sync, or fold, being read."""

    project: Path
    config: ProjectConfig
    db: duckdb.DuckDBPyConnection
    tell: Callable[[str], None] = lambda _: None
    now: datetime | None = None
    """By the wall; None where rows have just come in, and are as they are."""
    profiles: Callable[[ProfileKind], Sequence[Profile]] = lambda _: ()
    """What calls said of accounts, or contacts."""
    bad: list[SourceReport] = field(default_factory=list)
    """Of the sources read so far, those with bad rows."""
    odd: dict[str, str] = field(default_factory=dict)
    """`usage.amount` -> which of its values made it text, for columns of which almost all values are something else."""

    def source(self, name: str, source: AnySource, room: Room) -> Checked:
        """All rows of a source. Raises SyncStopped where too many are bad."""
        if source.only_collected:
            return self._collected(name, source, room)
        files = files_of(self.project, next(named for named in self.config.sources.all() if named.source is source))
        checked = self.of_files(name, source, room, files)
        self.stop_if_bad(checked.report)
        return checked

    def of_files(
        self,
        name: str,
        source: AnySource,
        room: Room,
        files: Sequence[SourceFile],
        known: Mapping[str, str] | None = None,
        fit: Fit | None = None,
    ) -> Checked:
        """Stages and checks files; a second time, record by record, when rows are bad and their lines are not known.

        `known`: columns that the source has in other files, with the types that they were read as there.
        """
        self.tell(f"reading {name} from {source.place}")
        checked, exact = self._of_files(name, source, room, files, known, fit)
        if checked.report.bad and not exact:
            checked, _ = self._of_files(name, source, room, files, known, fit, exact_lines=True)
        return checked

    def _of_files(
        self,
        name: str,
        source: AnySource,
        room: Room,
        files: Sequence[SourceFile],
        known: Mapping[str, str] | None,
        fit: Fit | None,
        *,
        exact_lines: bool = False,
    ) -> tuple[Checked, bool]:
        """And whether lines are known."""
        with whole(files):
            staged = self._laid_over(source, stage(self.db, f"raw_{name}", files, exact_lines=exact_lines, known=known))
            try:
                return self._check(name, staged, source, room, fit), staged.exact_lines
            finally:
                staged.drop(self.db)

    def _collected(self, name: str, source: AnySource, room: Room) -> Checked:
        """A source that lies nowhere: what calls said of people; events come later, when the rest is there."""
        table = f"raw_{name}"
        if isinstance(source, AccountsSource | ContactsSource):
            checked = self._check(name, self._laid_over(source, nobody(self.db, table, source)), source, room)
            self.stop_if_bad(checked.report)
            return checked
        return self._check(name, empty(self.db, table), source, room)

    def _laid_over(self, source: AnySource, staged: Staged) -> Staged:
        if not isinstance(source, AccountsSource | ContactsSource) or not source.collector:
            return staged
        return laid_over(self.db, staged, source, self.profiles("account" if isinstance(source, AccountsSource) else "contact"))

    def _check(self, name: str, staged: Staged, source: Origin, room: Room, fit: Fit | None = None) -> Checked:
        staged = replace(staged, zone=source.zone)
        mapped = mapping(name, staged, source, room)
        taken = typed(self.db, staged, mapped, room)
        if source.stays:
            taken = in_words(taken, staged)
        return self.checked_rows(name, staged, mapped, fit(taken, staged) if fit is not None else taken, room)

    def checked_rows(self, name: str, staged: Staged, mapped: Mapping[str, str], taken: Mapping[str, cols.Column], room: Room) -> Checked:
        """The rows as they are `taken`, each with what is wrong with it. `mapped`: name that authors use -> column of the staged rows."""
        joined, numbers = "", ""
        if staged.numbered:
            numbers = ', raw."#account", raw."#contact", raw."#event", raw."#id"'
        elif names_account(mapped, room):
            # Renamed, so that no column of the source can mean one of the accounts'.
            joined = f'LEFT JOIN (SELECT id AS "#key", "#no" AS "#account" FROM accounts) AS a ON a."#key" = {taken["account"].sql}'
            numbers = f", {account_number(staged)}"
        shown = listed(f"{column.sql} AS {quoted(key)}" for key, column in taken.items())
        wrong = listed(faults(mapped, taken, staged, room))
        table = f"checked_{name}"
        # What lies in memory, with its numbers, is read again sooner than kept once more.
        kind = "VIEW" if staged.numbered else "TABLE"
        self.db.execute(
            f'CREATE OR REPLACE {kind} {quoted(table)} AS SELECT raw."#file", raw."#line", coalesce({wrong}) AS "#fault"'
            f"{numbers}, {shown} FROM {quoted(staged.table)} AS raw {joined}"
        )
        report = self._report(name, table, staged)
        if self.now is not None:
            odd = odd_values(self.db, staged, taken)
            self.odd |= {f"{name}.{key}": said for key, said in odd.items()}
            times = odd_times(self.db, table, staged, self.now) if room is EVENTS else ()
            report = report._replace(odd=(*(f"{key} is text, for {said}" for key, said in odd.items()), *times))
        return Checked(table, {key: column.type for key, column in taken.items()}, report, staged.columns)

    def _report(self, name: str, table: str, staged: Staged) -> SourceReport:
        row = self.db.execute(f'SELECT count(*), count("#fault") FROM {quoted(table)}').fetchone()
        assert row is not None
        read, bad = int(row[0]), int(row[1])
        found = self.db.execute(
            f'SELECT "#file", "#line", "#fault" FROM {quoted(table)} WHERE "#fault" IS NOT NULL ORDER BY 1, 2 LIMIT {MOST_EXAMPLES}'
        ).fetchall()
        examples = tuple(f"{staged.files[file].label}:{line} {fault}" for file, line, fault in found)
        return SourceReport(name, read, read - bad, bad, examples)

    def stop_if_bad(self, report: SourceReport) -> None:
        """Raises SyncStopped where more of its rows are bad than may be."""
        limit = share(self.config.sources.most_bad_rows)
        if report.bad > limit * report.read:
            lines = _lines(report)
            # One account that could not be read makes all of its usage bad: the cause is said beside it.
            for before in self.bad:
                lines += f"\n  {before.source}: {before.bad:,} of {before.read:,} rows are bad too{_lines(before)}"
            raise SyncStopped(
                f"{report.source}: {report.bad:,} of {report.read:,} rows are bad ({report.bad / report.read:.1%}, "
                f"the limit is {self.config.sources.most_bad_rows}); nothing was taken{lines}",
                f"{_row_mend((report, *self.bad))}, or raise sources.most_bad_rows in playbooks/project.yaml",
            )
        if report.bad:
            self.bad.append(report)


def _row_mend(reports: Sequence[SourceReport]) -> str:
    """What to do about rows that are bad."""
    examples = [example for report in reports for example in report.examples]
    if any(example.endswith(cols.NO_ZONE) for example in examples):
        whose = "where times have no zone say whose they are, `zone: Asia/Tokyo` beside `file`"
        return f"{whose}, or add an offset, as 2026-03-02T09:30:00+09:00; correct other rows at their source"
    if any(example.endswith(cols.NO_TIME) for example in examples):
        return "write times as 2026-03-02T09:30:00+09:00 and dates as 2026-03-02 or 2026/3/2; correct other rows at their source"
    return "correct the rows at their source"


def _lines(report: SourceReport) -> str:
    return "".join(f"\n    {example}" for example in report.examples)


def share(words: str) -> float:
    """`1%` as 0.01. Raises SyncStopped for what is no share."""
    try:
        value = float(words.strip().removesuffix("%").strip()) / (100 if words.strip().endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise SyncStopped(f'sources.most_bad_rows: "{words}" is no share', "write 1%, for example")
    return value
