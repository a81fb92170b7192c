"""Sources -> one new set of normalised Parquet files. All of it or nothing.

Every source is staged, checked row by row, typed, renamed to the names that authors use, and written. Rows that cannot be are
counted and named by file and line; when they are too many, the sync stops and the set before stays in force.

Events carry the numbers of their account and contact (#account, #contact), their day in the project's zone (#day), and lie in
order of time (`segments`): facts at any `now` then read whole numbers, and of them only the days that their windows reach.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from cs_engine.clock import SystemClock
from cs_engine.errors import SourceAway, SyncStopped
from cs_engine.journey.touch import KINDS
from cs_engine.language.expression import Type
from cs_engine.language.problems import did_you_mean
from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.sources import AccountsSource, AttributesSource, ContactsSource, EventsSource, Named, Origin, TouchesSource, span
from cs_engine.ports import Profile, SourceReport
from cs_engine.sources import beside, history
from cs_engine.sources import columns as cols
from cs_engine.sources.files import SourceFile, find, find_paths
from cs_engine.sources.landing import Landing, sample, stamp
from cs_engine.sources.oddities import odd_times, odd_values
from cs_engine.sources.profiles import LEARNED, laid_over, nobody
from cs_engine.sources.segments import COMPRESSION, open_strangers, write_segment, write_strangers
from cs_engine.sources.snapshot import Shelf, UsageSet
from cs_engine.sources.sql import listed, quoted, text
from cs_engine.sources.staging import Staged, empty, stage
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.collected import ProfileKind

MEMORY_LIMIT = "640MB"
"""DuckDB's own share in a sync; what does not fit is spilled beside the set."""
_MOST_EXAMPLES = 10

AnySource = AccountsSource | ContactsSource | AttributesSource | EventsSource | TouchesSource


@dataclass(frozen=True, slots=True)
class _Room:
    """Names of a source that mean something to us."""

    required: frozenset[str]
    times: frozenset[str]
    keys: frozenset[str]
    """A row without one of these is bad."""


_ACCOUNTS = _Room(frozenset({"id", "signed_up_at"}), frozenset({"signed_up_at", "learned_at"}), frozenset({"id"}))
_CONTACTS = _Room(
    frozenset({"id", "account", "email"}), frozenset({"created_at", "learned_at", "consent_at"}), frozenset({"id", "account"})
)
EVENTS = _Room(
    frozenset({"id", "account", "contact", "event", "at"}), frozenset({"at", "learned_at"}), frozenset({"id", "account", "event", "at"})
)
_TOUCHES = _Room(frozenset({"account", "kind", "at"}), frozenset({"at"}), frozenset({"account", "kind", "at"}))
_ATTRIBUTES = _Room(frozenset({"account", "contact"}), frozenset({"learned_at"}), frozenset({"account", "contact"}))
_ROOMS: Mapping[type[Origin], _Room] = {
    AccountsSource: _ACCOUNTS, ContactsSource: _CONTACTS, AttributesSource: _ATTRIBUTES, EventsSource: EVENTS, TouchesSource: _TOUCHES,
}  # fmt: skip
_OURS = ("accounts", "contacts", "usage", "touches")
"""Keys of `sources` that are a source; the others are below `more`."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A table of typed rows, the bad ones still among them with their #fault."""

    table: str
    columns: dict[str, Type]
    report: SourceReport


Grow = Callable[[UsageSet], tuple[UsageSet, list[SourceReport]]]
"""Adds to a set, before it becomes current, what is in no file and no database."""


def sync(
    project: Path,
    config: ProjectConfig,
    on_progress: Callable[[str], None] | None = None,
    *,
    now: datetime | None = None,
    anew: bool = False,
    grow: Grow | None = None,
    profiles: Callable[[ProfileKind], Sequence[Profile]] = lambda _: (),
) -> tuple[UsageSet, list[SourceReport]]:
    """Reads all sources into a new set and makes it current. Raises SyncStopped, changing nothing, when a source will not do.

    `now`: by the wall, where it is not the machine's. `anew`: of databases all days are read, not only those that have changed.
    """
    tell, at = on_progress or (lambda _: None), now or SystemClock().now()
    shelf = Shelf.of(project)
    with _landed(project, config, tell, at, anew=anew), shelf.writing():
        folder = shelf.begin()
        try:
            # Taken before the files are read: what changes meanwhile is found to be newer.
            signature = signature_of(project, config)
            read = {n.key: written(project, config, n) for n in config.sources.all() if not n.source.only_collected}
            with working_database(folder / "staging.duckdb", config.timezone) as db:
                reading = Reading(
                    project, config, db, UsageSet(folder, Attributes(), signature=signature, read=read), tell, now=at, profiles=profiles
                )
                attributes, reports = reading.all()
                reading.compare(*shelf.before(config), at)
                locales = _locales(db)
            for left in folder.glob("staging*"):
                left.unlink()
            made = replace(reading.made, attributes=attributes, locales=locales, people=folder.name)
            if grow is not None:
                made, more = grow(made)
                reports += more
            return shelf.publish(made, config), reports
        except BaseException:
            shelf.discard(folder)
            raise


@contextmanager
def _landed(project: Path, config: ProjectConfig, tell: Callable[[str], None], now: datetime, *, anew: bool) -> Iterator[None]:
    """Brings rows of databases first; while they are read nobody else brings any."""
    theirs = [named for named in config.sources.all() if named.source.database is not None]
    if not theirs:
        yield
        return
    landing = Landing(project)
    with landing.held():
        for named in theirs:
            what = f"fetching {named.name} from {named.source.place}"
            tell(what)
            try:
                landing.land(named, config.sources, now, anew=anew, tell=partial(_count, tell, what))
            except SourceAway:
                landing.was_away(now)
                raise
        landing.was_away(None)
        yield


def _count(tell: Callable[[str], None], what: str, rows: int) -> None:
    tell(f"{what}: {rows:,} rows")


def signature_of(project: Path, config: ProjectConfig) -> str:
    """What tells whether sources have changed, as one text: names, sizes and times of files, and when databases were last read.

    Raises SyncStopped when a file is missing.
    """
    sources, seen = config.sources, []
    for named in sources.all():
        if named.source.file is not None:
            for found in find_paths(project, named.source.file):
                stat = found.stat()
                seen.append(f"{found.name} {stat.st_size} {stat.st_mtime_ns}")
        elif named.source.database is None:
            continue
        elif (file := sources.databases[named.source.database].duckdb) is not None:
            seen.append(f"{file} {stamp(project / file)}")
        else:
            landed = Landing(project).of(named.key)
            seen.append(f"{named.name} {landed.read if landed is not None else 'never'}")
    return "\n".join(seen)


def written(project: Path, config: ProjectConfig, named: Named) -> int:
    """Since when a source says what it says, as microseconds: when its newest file was written, or its database read."""
    if named.source.file is not None:
        return max(path.stat().st_mtime_ns for path in find_paths(project, named.source.file)) // 1000
    if (file := config.sources.databases[named.source.database or ""].duckdb) is not None:
        return (project / file).stat().st_mtime_ns // 1000
    landed = Landing(project).of(named.key)
    return landed.read if landed is not None else 0


def files_of(project: Path, named: Named) -> list[SourceFile]:
    """The files that hold a source, opened as far as their header. Raises SyncStopped when there is none."""
    if named.source.file is None:
        return [*Landing(project).files(named)]
    return find(project, named.source.file)


def _locales(db: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Languages of accounts and contacts, where the sources have them."""
    found: set[str] = set()
    for table in ("accounts", "contacts"):
        columns = {row[0] for row in db.execute(f"DESCRIBE {table}").fetchall()}
        if "locale" in columns:
            found |= {row[0] for row in db.execute(f"SELECT DISTINCT locale FROM {table} WHERE locale <> ''").fetchall()}
    return tuple(sorted(found))


def working_database(path: Path | str, timezone: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB for reading sources, in the project's zone, bounded in memory."""
    db = duckdb.connect(str(path))
    db.execute(f"SET TimeZone = {text(timezone)}")
    db.execute(f"SET memory_limit = {text(MEMORY_LIMIT)}")
    db.execute("SET enable_progress_bar = false")
    return db


@dataclass(slots=True)
class Reading:
    """One sync, or fold, under way."""

    project: Path
    config: ProjectConfig
    db: duckdb.DuckDBPyConnection
    made: UsageSet
    """The set that comes to be."""
    tell: Callable[[str], None] = lambda _: None
    bad: list[SourceReport] = field(default_factory=list)
    """Of the sources read so far, those with bad rows."""
    told: dict[str, set[str]] = field(default_factory=lambda: {"accounts": set(), "contacts": set()})
    """Attributes whose past their sources tell themselves."""
    now: datetime | None = None
    """By the wall; None where rows have just come in, and are as they are."""
    profiles: Callable[[ProfileKind], Sequence[Profile]] = lambda _: ()
    """What calls said of accounts, or contacts."""
    odd: dict[str, str] = field(default_factory=dict)
    """`usage.amount` -> which of its values made it text, for columns of which almost all values are something else."""

    def all(self) -> tuple[Attributes, list[SourceReport]]:
        sources = self.config.sources
        history.begin(self.db)
        accounts = self._checked("accounts", sources.accounts, _ACCOUNTS)
        self._number("accounts", accounts)
        beside_accounts = self._join("accounts", accounts)
        contacts = self._checked("contacts", sources.contacts, _CONTACTS)
        self._number("contacts", contacts, '"#account", ')
        beside_contacts = self._join("contacts", contacts)
        open_strangers(self.db, self.made.folder)
        events = {"usage": sources.usage, **sources.more}
        read = {name: self._events(name, source) for name, source in events.items()}
        blanks = cols.blanks(self.db, "account", "accounts", accounts.columns)
        blanks |= cols.blanks(self.db, "contact", "contacts", contacts.columns)
        attributes = Attributes(
            accounts.columns, contacts.columns, {name: checked.columns for name, checked in read.items()}, blanks, self.odd
        )
        write_strangers(self.db, self.made.folder)
        touches = [self._touches(sources.touches)] if sources.touches is not None else []
        return attributes, [
            accounts.report,
            contacts.report,
            *beside_accounts,
            *beside_contacts,
            *(checked.report for checked in read.values()),
            *touches,
        ]

    def _checked(self, name: str, source: AnySource, room: _Room) -> Checked:
        """Stages and checks one source; a second time, record by record, when rows are bad and their lines are not known."""
        if source.only_collected:
            return self._collected(name, source, room)
        self.tell(f"reading {name} from {source.place}")
        files = files_of(self.project, next(named for named in self.config.sources.all() if named.source is source))
        staged = self._laid_over(source, stage(self.db, f"raw_{name}", files))
        checked = self._check(name, staged, source, room)
        if checked.report.bad and not staged.exact_lines:
            staged.drop(self.db)
            staged = self._laid_over(source, stage(self.db, f"raw_{name}", files, exact_lines=True))
            checked = self._check(name, staged, source, room)
        staged.drop(self.db)
        self._stop_if_bad(checked.report)
        return checked

    def _collected(self, name: str, source: AnySource, room: _Room) -> Checked:
        """A source that lies nowhere: what calls said of people; events come later, when the rest is there."""
        table = f"raw_{name}"
        if isinstance(source, AccountsSource | ContactsSource):
            return self._check(name, self._laid_over(source, nobody(self.db, table, source)), source, room)
        return self._check(name, empty(self.db, table), source, room)

    def _laid_over(self, source: AnySource, staged: Staged) -> Staged:
        if not isinstance(source, AccountsSource | ContactsSource) or not source.collector:
            return staged
        return laid_over(self.db, staged, source, self.profiles("account" if isinstance(source, AccountsSource) else "contact"))

    def _check(self, name: str, staged: Staged, source: AnySource, room: _Room) -> Checked:
        mapped = mapping(name, staged, source, room)
        taken = typed(self.db, staged, mapped, room)
        return self.checked_rows(name, staged, mapped, in_words(taken, staged) if source.stays else taken, room)

    def checked_rows(self, name: str, staged: Staged, mapped: Mapping[str, str], taken: Mapping[str, cols.Column], room: _Room) -> Checked:
        """The rows as they are `taken`, each with what is wrong with it. `mapped`: name that authors use -> column of the staged rows."""
        faults = ['"#fault"', *(_fault(mapped[key], staged.columns, key, room) for key in mapped if key in room.keys | room.times)]
        joined = ""
        if "account" in mapped and room is not _ATTRIBUTES:
            # Renamed, so that no column of the source can mean one of the accounts'.
            joined = f'LEFT JOIN (SELECT id AS "#key", "#no" AS "#account" FROM accounts) AS a ON a."#key" = {taken["account"].sql}'
            faults.append(f"CASE WHEN a.\"#key\" IS NULL THEN '{_word(mapped['account'])} is not among the accounts' END")
        if "id" in mapped and room is not EVENTS:
            faults.append(
                f'CASE WHEN row_number() OVER (PARTITION BY {taken["id"].sql} ORDER BY raw."#file", raw."#line") > 1 '
                f"THEN '{_word(mapped['id'])} stood in an earlier row already' END"
            )
        if room is _ATTRIBUTES and "learned_at" not in mapped:
            key = "account" if "account" in mapped else "contact"
            faults.append(
                f'CASE WHEN row_number() OVER (PARTITION BY {taken[key].sql} ORDER BY raw."#file", raw."#line") > 1 '
                f"THEN '{_word(mapped[key])} stood in an earlier row already' END"
            )
        if room is _TOUCHES:
            faults.append(_none_of(taken["kind"].sql, mapped["kind"], KINDS))
            if "answered" in mapped:
                faults.append(_none_of(taken["answered"].sql, mapped["answered"], _YES | _NO))
        shown = listed(f"{column.sql} AS {quoted(key)}" for key, column in taken.items())
        numbers = ', a."#account"' if joined else ""
        table = f"checked_{name}"
        self.db.execute(
            f'CREATE OR REPLACE TABLE {quoted(table)} AS SELECT raw."#file", raw."#line", coalesce({listed(faults)}) AS "#fault"'
            f"{numbers}, {shown} FROM {quoted(staged.table)} AS raw {joined}"
        )
        report = self._report(name, table, staged)
        if self.now is not None:
            odd = odd_values(self.db, staged, taken)
            self.odd |= {f"{name}.{key}": said for key, said in odd.items()}
            times = odd_times(self.db, table, staged, self.now) if room is EVENTS else ()
            report = report._replace(odd=(*(f"{key} is text, for {said}" for key, said in odd.items()), *times))
        return Checked(table, {key: column.type for key, column in taken.items()}, report)

    def _report(self, name: str, table: str, staged: Staged) -> SourceReport:
        row = self.db.execute(f'SELECT count(*), count("#fault") FROM {quoted(table)}').fetchone()
        assert row is not None
        read, bad = int(row[0]), int(row[1])
        found = self.db.execute(
            f'SELECT "#file", "#line", "#fault" FROM {quoted(table)} WHERE "#fault" IS NOT NULL ORDER BY 1, 2 LIMIT {_MOST_EXAMPLES}'
        ).fetchall()
        examples = tuple(f"{staged.files[file].label}:{line} {fault}" for file, line, fault in found)
        return SourceReport(name, read, read - bad, bad, examples)

    def _stop_if_bad(self, report: SourceReport) -> None:
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

    def _number(self, name: str, checked: Checked, also: str = "") -> None:
        """The good rows, numbered from 0 in the order of the source, as table and as Parquet."""
        names = listed(quoted(key) for key in checked.columns)
        self.db.execute(
            f"CREATE OR REPLACE TABLE {quoted(name)} AS "
            f'SELECT CAST(row_number() OVER (ORDER BY "#file", "#line") - 1 AS INTEGER) AS "#no", '
            f'{also}{names} FROM {quoted(checked.table)} WHERE "#fault" IS NULL ORDER BY 1'
        )
        self.db.execute(f"DROP TABLE {quoted(checked.table)}")

    def _join(self, people: str, checked: Checked) -> list[SourceReport]:
        """Further attributes of accounts or contacts, beside those that `checked` has; then all are written."""
        reports = []
        for name, source in self.config.sources.attributes.items():
            if source.people == people:
                read = self._checked(name, source, _ATTRIBUTES)
                names = beside.names(name, source, checked.columns, read.columns)
                told = "learned_at" in read.columns
                joined = beside.join(self.db, people, read.table, names, told=told)
                if told:
                    self.told[people].update(names.values())
                    self.made = replace(self.made, read={**self.made.read, f"attributes-{name}": joined.latest})
                self.made = replace(self.made, rows={**self.made.rows, name: read.report.kept})
                checked.columns.update({shown: read.columns[column] for column, shown in names.items()})
                reports.append(read.report._replace(source=name, note=joined.note))
        self._write(f'SELECT * FROM {quoted(people)} ORDER BY "#no"', f"{people}.parquet")
        return reports

    def compare(self, before: UsageSet | None, kept: Path | None, now: datetime) -> None:
        """What attributes were in the set before, kept with this one."""
        if kept is not None:
            length = self.config.sources.history
            history.carry(self.db, kept, now - (timedelta(microseconds=span(length) or 0) if length else history.KEPT))
        if before is not None:
            for people, file in (("accounts", before.accounts), ("contacts", before.contacts)):
                history.compare(self.db, people, file, now, self.told[people])
        changed, told = history.write(self.db, self.made.history)
        self.made = replace(self.made, changed=changed, told=told)

    def _events(self, name: str, source: EventsSource) -> Checked:
        checked = self._checked(f"events_{name}" if name in ("accounts", "contacts", "touches") else name, source, EVENTS)
        self.made = write_segment(self.db, self.made, name, checked.table, checked.columns)
        self.db.execute(f"DROP TABLE {quoted(checked.table)}")
        return Checked("", checked.columns, checked.report._replace(source=name, note="counted in its database" if source.stays else ""))

    def _touches(self, source: TouchesSource) -> SourceReport:
        checked = self._checked("touches", source, _TOUCHES)
        answered = f"CASE WHEN lower(answered) IN ({listed(map(text, sorted(_YES)))}) THEN 'yes' WHEN answered <> '' THEN 'no' ELSE '' END"
        self._write(
            f"SELECT DISTINCT account, coalesce(contact, '') AS contact, lower(kind) AS kind, coalesce(\"by\", '') AS \"by\", "
            f'epoch_us("at") AS "at", {answered} AS answered FROM {quoted(checked.table)} WHERE "#fault" IS NULL ORDER BY "at", 1, 2, 3, 4',
            "touches.parquet",
        )
        self.db.execute(f"DROP TABLE {quoted(checked.table)}")
        return checked.report

    def _write(self, select: str, file: str) -> None:
        self.db.execute(f"COPY ({select}) TO {text(self.made.folder / file)} ({COMPRESSION})")


def mapping(name: str, staged: Staged, source: Origin, room: _Room) -> dict[str, str]:
    """Name that authors use -> column of the source. Raises SyncStopped where one is missing that must be there."""
    if isinstance(source, EventsSource) and source.only_collected:
        return {column: column for column in staged.columns}
    found: dict[str, str] = {"learned_at": LEARNED} if LEARNED in staged.columns else {}
    for key, column in source.mapped():
        if column in staged.columns:
            found[key] = column
        elif key in room.required or key in source.model_fields_set:
            below = "attributes." if isinstance(source, AttributesSource) else "" if name in _OURS else "more."
            where = f"sources.{below}{name}"
            hint = did_you_mean(column, staged.columns) or f"it has {listed(staged.columns)}"
            raise SyncStopped(
                f'{staged.files[0].label}: there is no column "{column}"; {hint}',
                f"name the right column as `{key}:` under {where} in playbooks/project.yaml",
            )
    return found


def typed(
    db: duckdb.DuckDBPyConnection, staged: Staged, mapped: Mapping[str, str], room: _Room, where: str = "true"
) -> dict[str, cols.Column]:
    """How each column is taken in under the name that authors use: mapped ones first, then all others under their own."""
    taken: dict[str, cols.Column] = {}
    for key, column in mapped.items():
        kind = staged.columns[column]
        if key in room.times:
            taken[key] = cols.Column(cols.instant(column, kind), Type.INSTANT)
        else:
            taken[key] = cols.Column(cols.clean_text(column, kind), Type.TEXT)
    for key in sorted(_standard(room) - taken.keys()):
        blank = "TIMESTAMPTZ" if key in room.times else "VARCHAR"
        taken[key] = cols.Column(f"CAST(NULL AS {blank})", Type.INSTANT if key in room.times else Type.TEXT)
    if room is _TOUCHES:  # nothing reads what else there is
        return taken
    used = {column.lower() for column in mapped.values()} | {key.lower() for key in taken}
    further = {column: kind for column, kind in staged.columns.items() if column.lower() not in used}
    return taken | cols.infer(db, staged.table, further, where)


def in_words(taken: Mapping[str, cols.Column], staged: Staged) -> dict[str, cols.Column]:
    """Of events that stay in their database, text is text whatever its values look like: there they cannot all be looked at."""
    texts = {name for name, kind in staged.columns.items() if kind == "VARCHAR"}
    return {key: cols.Column(cols.clean_text(key, "VARCHAR"), Type.TEXT) if key in texts else column for key, column in taken.items()}


def _standard(room: _Room) -> set[str]:
    """Names that accounts and contacts always have, blank where the source has no such column."""
    if room is _ACCOUNTS:
        return {"name", "csm", "locale", "timezone"}
    if room is _CONTACTS:
        return {"name", "role", "locale", "timezone", "created_at"}
    return {"contact", "by", "answered"} if room is _TOUCHES else set()


def _fault(column: str, kinds: Mapping[str, str], key: str, room: _Room) -> str:
    """SQL of what is wrong with one mapped value; NULL where nothing is."""
    kind = kinds[column]
    parts = []
    if key in room.keys:
        parts.append(f"CASE WHEN {cols.clean_text(column, kind)} IS NULL THEN 'no {_word(column)}' END")
        if kind == "VARCHAR":
            parts.append(f"CASE WHEN contains({quoted(column)}, chr(0)) THEN '{_word(column)} holds a NUL byte' END")
    if key in room.times:
        parts.append(cols.instant_fault(column, kind))
    return f"coalesce({listed(parts)})" if len(parts) > 1 else parts[0]


_YES, _NO = frozenset({"yes", "y", "true", "1"}), frozenset({"no", "n", "false", "0"})


def _none_of(sql: str, column: str, words: Collection[str]) -> str:
    """SQL of the fault of a value that is none of those words; blank is nothing wrong."""
    said = " or ".join(sorted(words)) if len(words) <= len(KINDS) else "yes or no"
    return f"CASE WHEN lower({sql}) NOT IN ({listed(map(text, sorted(words)))}) THEN '{_word(column)} is not {said}' END"


def _word(column: str) -> str:
    return column.replace("'", "''")


def _row_mend(reports: Sequence[SourceReport]) -> str:
    """What to do about rows that are bad."""
    if any(example.endswith(cols.NO_ZONE) for report in reports for example in report.examples):
        return "where a time has no zone add an offset, as 2026-03-02T09:30:00+09:00; correct other rows at their source"
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


def describe(project: Path, config: ProjectConfig, most: int = 20_000) -> Attributes:
    """What the sources have, without a sync: types by the first rows of each. Raises SyncStopped for files or columns that are missing."""
    seen: dict[str, dict[str, Type]] = {}
    with working_database(":memory:", config.timezone) as db, TemporaryDirectory(prefix="cs-engine-") as folder:
        for i, named in enumerate(config.sources.all()):
            source, room = named.source, _ROOMS[type(named.source)]
            if source.only_collected:
                raw = f"raw_{i}"
                staged = nobody(db, raw, source) if isinstance(source, AccountsSource | ContactsSource) else empty(db, raw)
            elif source.file is None:
                staged = stage(db, f"raw_{i}", [sample(named, config.sources, project, Path(folder), most)], most=most)
            else:
                staged = stage(db, f"raw_{i}", find(project, source.file), most=most)
            taken = typed(db, staged, mapping(named.name, staged, source, room), room, '"#fault" IS NULL')
            taken = in_words(taken, staged) if source.stays else taken
            seen[named.key] = {key: column.type for key, column in taken.items()}
            if isinstance(source, AttributesSource):
                people = seen[source.people]
                people.update({shown: taken[column].type for column, shown in beside.names(named.name, source, people, taken).items()})
    events = {named.name: seen[named.key] for named in config.sources.all() if isinstance(named.source, EventsSource)}
    return Attributes(seen["accounts"], seen["contacts"], events, in_place=config.sources.in_place)
