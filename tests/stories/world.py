"""A tiny company to tell stories about: files as an author and a CRM would write them, ticks at the moments that the story names.

Everything is real: the loader, DuckDB over CSV files, SQLite, the templates, the mailbox. Only time is told.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from cs_engine.channels.mailbox import Mail, mails
from cs_engine.instants import from_micros, moments, to_micros
from cs_engine.journey.preference import Preference
from cs_engine.playbook.load import load_config
from cs_engine.playbook.project import Project
from cs_engine.ports import MessageView
from cs_engine.run.context import Engine, TickContext
from cs_engine.run.desk.explain import explain
from cs_engine.run.desk.preview import preview
from cs_engine.run.observe import look
from cs_engine.run.tick import run_tick
from cs_engine.settings import Settings
from cs_engine.sources.intake.sync import sync
from cs_engine.wiring import Assembled, assemble, email_hasher, open_store

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)

LAYOUT = """\
<mjml><mj-body><mj-section><mj-column>
{{ body }}
<mj-text>{{ company.name }} {{ company.postal_address }} {{ company.contact }} {{ unsubscribe_url }}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""

FOOT = "{{ body }}\n{{ company.name }} {{ company.postal_address }} {{ company.contact }} {{ unsubscribe_url }}\n"

FILES = {
    "playbooks/project.yaml": """\
        name: Stories
        sources:
          accounts: {file: data/accounts.csv}
          contacts: {file: data/contacts.csv}
          usage: {file: data/usage.csv}
        company: {name: Vendor, postal_address: 1 Street}
        sender: {fallback: lead@vendor.example}
        unsubscribe: mailto:out@vendor.example
        slack: {channel: "#cs"}
        topics: {tips: {title: Tips}, milestones: {title: Milestones}}
        """,
    "playbooks/team.yaml": """\
        staff:
          - {email: lead@vendor.example, name: Toni Lead, role: manager, slack: U-LEAD}
          - {email: alex@vendor.example, name: Alex Csm, role: csm, slack: U-ALEX, manager: lead@vendor.example}
          - {email: kim@vendor.example, name: Kim Sales, role: sales, slack: U-KIM}
          - {email: solo@vendor.example, name: Solo Csm, role: csm, slack: U-SOLO}
        """,
    "playbooks/metrics.yaml": """\
        uses: {count: "*"}
        uses_7d: {count: "*", in: 7 days}
        quiet_days: {days_since_last: "*"}
        """,
    "playbooks/segments.yaml": "busy: {when: uses >= 3}\n",
    "templates/email/layout.mjml": LAYOUT,
    "templates/email/layout.txt": FOOT,
    **{
        f"templates/email/{name.lower()}.md": f"---\nsubject: {name} for {{{{ account.name }}}}\n---\nDear {{{{ contact | addressee }}}}\n"
        for name in ("One", "Two", "Three", "Help")
    },
    "templates/email/well_done.md": "---\nsubject: Well done, {{ account.name }}\n---\n{{ milestone.title }}\n",
    "templates/slack/call.yaml": 'text: "Call {{ account.name }}"\n',
    "templates/slack/milestone.yaml": 'text: "{{ account.name }} reached {{ milestone.title }}"\n',
}

USAGE_STORE = ".cs-engine/usage"

ACCOUNT = ("account_id", "name", "plan", "signed_up_at", "locale", "timezone", "csm_email", "seats", "contract_id", "renewal_at")
CONTACT = ("contact_id", "account_id", "email", "name", "role", "locale", "timezone", "created_at")
USAGE = ("account_id", "contact_id", "event", "occurred_at")


def day(number: float, hour: float = 10) -> datetime:
    """That hour (UTC) of a day; day 0 is Monday, 2 March 2026. 10:00 lies outside the quiet hours."""
    return MONDAY + timedelta(days=number, hours=hour)


def make_base(folder: Path) -> Path:
    """A project that has nobody and no playbook, its database made: what each story begins with a copy of."""
    write_files(folder, FILES)
    World(folder)._write_people()
    open_store(Settings(cs_engine_project=folder)).close()
    return folder


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    for file, text in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")


@dataclass(frozen=True)
class Ticked:
    """What one tick did."""

    json: dict[str, Any]
    """The report, as `run --format json` prints it."""
    sent: list[str]
    """What reached the mailbox in it, sorted: `ann: One for Acme` is a mail to ann@…, `U-ALEX: Call Acme` a Slack message."""
    files: list[Mail]
    replies: list[str]
    """What was said in the threads of alerts in it, sorted: of these nothing stands in the two before."""

    def of(self, playbook: str) -> dict[str, Any]:
        """The playbook's part of the report; {} when it was not due."""
        return next((part for part in self.json["playbooks"] if part["playbook"] == playbook), {})

    def counts(self, playbook: str, *names: str) -> tuple[Any, ...]:
        part = self.of(playbook)
        return tuple(part.get(name, 0) for name in names)

    @property
    def delivery(self) -> dict[str, int]:
        """Only what is not nought."""
        return {state: n for state, n in self.json["delivery"].items() if n}


class World:
    """One story's project, people and time."""

    def __init__(self, root: Path, shelf: Path | None = None) -> None:
        self.root = root
        self._shelf = shelf
        self.accounts: dict[str, dict[str, str]] = {}
        self.contacts: dict[str, dict[str, str]] = {}
        self.events: list[dict[str, str]] = []
        self.usage_columns: tuple[str, ...] = USAGE
        self.account_columns: tuple[str, ...] = ACCOUNT
        self.contact_columns: tuple[str, ...] = CONTACT
        self._open = ExitStack()
        self._assembled: Assembled | None = None
        self._engine: Engine | None = None
        self._data_changed = False
        self._seen: set[str] = set()

    # --- what the CRM and the product say

    def account(self, id: str = "acme", *, since: datetime | None = None, **columns: object) -> World:
        """An account (csm, plan, locale, timezone, seats, contract_id), signed up at day 0, 8:00 if nothing is said. Again: changed."""
        renamed = {"csm_email" if key == "csm" else key: str(value) for key, value in columns.items()}
        fresh = {"account_id": id, "name": id.capitalize(), "plan": "team", "seats": "5", "csm_email": "alex@vendor.example"}
        row = {**(self.accounts.get(id) or fresh), **renamed}
        row["signed_up_at"] = since.isoformat() if since else row.get("signed_up_at") or day(0, 8).isoformat()
        self.accounts[id] = row
        self._data_changed = True
        return self

    def contact(self, id: str, account: str = "acme", role: str = "champion", *, since: datetime | None = None, **columns: str) -> World:
        """A contact, by default with an address of its own, created at day 0, 8:00. Again: changed."""
        fresh = {"contact_id": id, "email": f"{id}@customer.example", "name": f"{id.capitalize()} Doe"}
        row = {**(self.contacts.get(id) or fresh), "account_id": account, "role": role, **columns}
        row["created_at"] = since.isoformat() if since else row.get("created_at") or day(0, 8).isoformat()
        self.contacts[id] = row
        self._data_changed = True
        return self

    def customer(self, account: str = "acme", contact: str = "ann", **columns: Any) -> World:
        """An account with a champion."""
        return self.account(account, **columns).contact(contact, account)

    def gone(self, *ids: str) -> World:
        """Accounts or contacts that the CRM no longer has."""
        for id in ids:
            self.accounts.pop(id, None)
            self.contacts.pop(id, None)
        self._data_changed = True
        return self

    def uses(self, account: str = "acme", *at: datetime, contact: str = "", event: str = "used", **columns: str) -> World:
        """Usage at those moments (default: day 0, 9:00). Further columns are named in `usage_columns` before."""
        shared = {"account_id": account, "contact_id": contact, "event": event, **columns}
        self.events += [{**shared, "occurred_at": moment.isoformat()} for moment in at or (day(0, 9),)]
        self._data_changed = True
        return self

    def synced(self, at: datetime) -> World:
        """All that they say by now is read at that moment: what is otherwise than before was so until then."""
        self._shelf = None
        self._write_people()
        self._close_engine()
        sync(self.root, load_config(self.root), now=at)
        return self

    # --- what the author writes

    def playbook(self, id: str, steps: str, **keys: object) -> World:
        """A playbook file. `existing: include` unless the story says otherwise; `existing=None` leaves the key out."""
        head = {"playbook": id, "topic": "tips", "existing": "include", **keys}
        lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in head.items() if value is not None]
        return self.write(f"playbooks/{id}.yaml", "".join(lines) + "steps:\n" + indent(dedent(steps).strip("\n"), "  ") + "\n")

    def mail(self, name: str, subject: str, body: str = "Hello", locale: str = "") -> World:
        return self.write(f"templates/email/{name}{'.' if locale else ''}{locale}.md", f"---\nsubject: {subject}\n---\n{body}\n")

    def milestone(self, id: str, when: str, *, notice: str | None = None, **keys: object) -> World:
        """The journey's only milestone."""
        spec = {"id": id, "title": id.capitalize(), "when": when, **({"notice": notice} if notice else {}), **keys}
        journey = {"phases": [{"phase": "start", "milestones": [spec]}]}
        return self.write("playbooks/journey.yaml", json.dumps(journey) + "\n")

    def project(self, **keys: object) -> World:
        """Further keys of project.yaml, or others in their place."""
        config = load_config(self.root).model_dump(by_alias=True, exclude_unset=True, mode="json")
        return self.write("playbooks/project.yaml", json.dumps({**config, **keys}) + "\n")

    def write(self, file: str, text: str) -> World:
        self._close_engine()
        write_files(self.root, {file: text})
        return self

    def delete(self, file: str) -> World:
        self._close_engine()
        (self.root / file).unlink()
        return self

    def suppress(self, address: str) -> World:
        hashed = email_hasher(Settings(cs_engine_project=self.root))(address)[0]
        assert self.engine.store.suppress(hashed, "asked", to_micros(MONDAY))
        return self

    def prefer(self, contact: str, topic: str, wanted: bool, at: datetime) -> World:
        """What a contact (by its usual address) says of a topic, or of all ('')."""
        hashed = email_hasher(Settings(cs_engine_project=self.root))(f"{contact}@customer.example")[0]
        self.engine.store.set_preferences([Preference(hashed, topic, wanted, "page", to_micros(at))])
        return self

    # --- what happens

    def tick(self, at: datetime, *only: str, until: datetime | None = None) -> Ticked:
        """One tick: over all that are due, or `only` these playbooks. With `until` (the next tick) delivery runs on to it."""
        report = run_tick(self.engine, at, only, horizon=until)
        said = report.as_json()
        print(json.dumps(said))  # noqa: T201 - pytest shows it where a story goes wrong
        assert self.adds_up(), self.engine.store.counts()
        return self._ticked(said)

    def span(self, start: datetime, end: datetime, every: timedelta = timedelta(days=1)) -> list[Ticked]:
        """Tick after tick, as `run --from --to --every`."""
        nows = moments(start, end, every)
        return [self.tick(now, until=following) for now, following in zip(nows, [*nows[1:], None], strict=True)]

    def _ticked(self, report: dict[str, Any]) -> Ticked:
        fresh = [m for m in mails(self.root) if m.id not in self._seen]
        self._seen.update(m.id for m in fresh)
        replies = [m for m in fresh if m.kind == "slack" and "thread" in json.loads(m.path.read_text(encoding="utf-8"))]
        posts = [m for m in fresh if m not in replies]
        sent, said = (sorted(f"{m.to.split('@')[0]}: {m.subject}" for m in some) for some in (posts, replies))
        return Ticked(report, sent, posts, said)

    # --- what can be seen afterwards

    @property
    def engine(self) -> Engine:
        """The engine as a process that starts now assembles it: anew after files changed, synced after data changed."""
        if self._data_changed:
            self._write_people()
            self._close_engine()
        if self._engine is None:
            synced = self._synced_before()
            self._assembled = self._open.enter_context(assemble(Settings(cs_engine_project=self.root)))
            self.refresh()
            assert self._engine is not None
            if synced is not None and not synced.exists():
                shutil.copytree(self.root / USAGE_STORE, synced)
        return self._engine

    def refresh(self) -> None:
        """As a process does before each tick: sources that have changed are read anew, what was collected is taken in."""
        if self._assembled is not None:
            self._assembled.refresh()
            self._engine = self._assembled.engine

    def _synced_before(self) -> Path | None:
        """Where what a first sync makes of just these files is kept for other stories; taken over from there when one was here before.

        A sync over another set knows more than its files: what was before, and who was erased.
        """
        if self._shelf is None or (self.root / USAGE_STORE).exists():
            return None
        files = [self.root / "playbooks/project.yaml", *sorted((self.root / "data").iterdir())]
        name = sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
        for file in files:  # a source is known by its size and its time
            os.utime(file, (int(name[:7], 16), int(name[:7], 16)))
        synced = self._shelf / name
        if synced.exists():
            shutil.copytree(synced, self.root / USAGE_STORE)
        return synced

    @property
    def loaded(self) -> Project:
        return self.engine.project

    def stands(self, playbook: str, account: str = "acme") -> list[str]:
        """Where its passages stand, oldest first: a step, or `goal`, `exit`, `done` when they have ended."""
        passages = self.engine.store.enrolments_of(account, playbook)
        return [p.step if p.state == "active" else p.finished_reason for p in passages]

    def messages(self, playbook: str, account: str = "acme") -> list[str]:
        """`step recipient state (reason)` of all of them, sorted."""
        return sorted(_message(m) for m in self.engine.store.messages_of(account, playbook))

    def journal(self, playbook: str, account: str = "acme", *, at: datetime | None = None) -> list[str]:
        """`step event reason` of every line (`at`: of that tick), oldest first."""
        lines = self.engine.store.journal(account, playbook)
        return [f"{j.step} {j.event} {j.reason}".rstrip() for j in lines if at is None or j.at == to_micros(at)]

    def adds_up(self) -> bool:
        """planned = accepted + skipped + rejected + uncertain + held + pending, over all messages ever."""
        planned, *rest = self.engine.store.counts()
        return planned == sum(rest)

    def why(self, playbook: str, account: str = "acme", at: datetime | None = None) -> dict[str, Any]:
        """What `cs-engine why` says."""
        with self._looking(at) as tick:
            return explain(tick, self.loaded.plans[playbook], account)

    def preview(self, playbook: str, step: str, account: str = "acme", at: datetime | None = None) -> list[dict[str, Any]]:
        plan = self.loaded.plans[playbook]
        found = plan.step(step)
        assert found is not None
        with self._looking(at) as tick:
            return preview(tick, plan, found, account, None)

    @contextmanager
    def _looking(self, at: datetime | None) -> Iterator[TickContext]:
        tick = look(self.engine, at)
        try:
            yield tick
        finally:
            tick.facts.close()

    def held_until(self, playbook: str, account: str = "acme") -> list[datetime]:
        return [from_micros(m.until) for m in self.engine.store.messages_of(account, playbook) if m.state == "held" and m.until is not None]

    def close(self) -> None:
        self._close_engine()

    def _close_engine(self) -> None:
        self._engine = self._assembled = None
        self._open.close()

    def _write_people(self) -> None:
        (self.root / "data").mkdir(exist_ok=True)
        for name, columns, rows in (
            ("accounts", self.account_columns, [[row.get(c, "") for c in self.account_columns] for row in self.accounts.values()]),
            ("contacts", self.contact_columns, [[row.get(c, "") for c in self.contact_columns] for row in self.contacts.values()]),
            ("usage", self.usage_columns, [[event.get(c, "") for c in self.usage_columns] for event in self.events]),
        ):
            with (self.root / "data" / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([columns, *rows])
        self._data_changed = False


def _message(m: MessageView) -> str:
    reason = f" ({m.reason})" if m.reason else ""
    return f"{m.step} {m.recipient.split('@')[0]} {m.state}{reason}"


def opened(file: Mail) -> EmailMessage:
    """A mail of the mailbox, parsed."""
    found = message_from_bytes(file.path.read_bytes(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def copy_of(base: Path, folder: Path) -> Path:
    """A project of its own."""
    return Path(shutil.copytree(base, folder, dirs_exist_ok=True))
