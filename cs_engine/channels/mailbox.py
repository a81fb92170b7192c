"""The embedded channel: nothing leaves the machine, each message is a file. Exactly once.

A file is named by the message id and appears whole or not at all: it is written under another name, flushed to the disk, and
renamed. So whoever died while sending can see afterwards what was sent, and sending an id again makes no second file.
"""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from pathlib import Path
from typing import Literal, NamedTuple

from cs_engine.channels.addressing import one_line, refused, unaddressable
from cs_engine.channels.mime import mime
from cs_engine.ports import Call, Holds, Letter, Outcome, Parcel, Post, always

_SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}")
_CHUNK = 128
"""Files open and flushed together; macOS allows a process 256."""
_FLUSHERS = 4
"""Threads that flush: the file system commits those that wait together in one go."""
_ABANDONED_AFTER = 3600.0
"""Seconds after which a half-written file belongs to nobody alive."""


def mailbox_folder(root: Path) -> Path:
    """Where the mailbox of the project at `root` lies."""
    return root / ".cs-engine" / "mailbox"


class _Mailbox:
    """Parcels as files `<id><suffix>` in one folder."""

    name = "mailbox"
    _suffix: str

    def __init__(self, root: Path) -> None:
        """`root`: the project's folder. The mailbox's folder is made when the first file is."""
        self._folder = mailbox_folder(root)
        self._swept = False

    def send(self, parcels: Sequence[Parcel], holds: Holds = always) -> list[Outcome]:
        """Writes a file for each id that has none yet. An outcome a parcel, in order; `retry` with errno's word when the disk refuses."""
        if not parcels:
            return []
        try:
            self._sweep()
        except OSError as error:
            return [_disk_refused(parcel.id, error) for parcel in parcels]
        outcomes: dict[str, Outcome] = {}
        for start in range(0, len(parcels), _CHUNK):
            self._put(parcels[start : start + _CHUNK], outcomes, holds)
        return [outcomes[parcel.id] for parcel in parcels]

    def lookup(self, ids: Sequence[str]) -> Mapping[str, Outcome]:
        """Always known: `accepted` when the file is there, else `retry`, for then it never left."""
        return {id: self._accepted(id) if self._stands(id) else Outcome(id, "retry", "not_sent") for id in ids}

    def close(self) -> None:
        """Nothing is kept open."""

    def _path(self, id: str) -> str:
        return f"{self._folder}/{id}{self._suffix}"

    def _stands(self, id: str) -> bool:
        return _SAFE_ID.fullmatch(id) is not None and os.path.exists(self._path(id))  # noqa: PTH110  twice as fast as Path, once a mail

    def _accepted(self, id: str) -> Outcome:
        return Outcome(id, "accepted", provider_id=id)

    def _put(self, parcels: Sequence[Parcel], outcomes: dict[str, Outcome], holds: Holds) -> None:
        """Writes one chunk: all files first, then all flushed, then all renamed, then the folder flushed once."""
        written: list[tuple[str, str, int]] = []
        for parcel in parcels:
            if (outcome := refused(parcel)) is not None:
                outcomes[parcel.id] = outcome
            elif not _SAFE_ID.fullmatch(parcel.id):
                outcomes[parcel.id] = Outcome(parcel.id, "rejected", "invalid_id")
            elif not holds(parcel.id):
                outcomes[parcel.id] = Outcome(parcel.id, "retry", "lease_over", blameless=True)
            elif parcel.id not in outcomes:
                outcomes[parcel.id] = self._accepted(parcel.id)
                if not self._stands(parcel.id):
                    self._write(parcel, written, outcomes)
        if written:
            self._settle(written, outcomes)

    def _write(self, parcel: Parcel, written: list[tuple[str, str, int]], outcomes: dict[str, Outcome]) -> None:
        # Named by the process too: should two ever send the same id, neither tears the other's file.
        part = f"{self._folder}/.{parcel.id}.{os.getpid()}.part"
        try:
            file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
            written.append((parcel.id, part, file))
            body = memoryview(parcel.body)
            while body:
                body = body[os.write(file, body) :]
        except OSError as error:
            outcomes[parcel.id] = _disk_refused(parcel.id, error)

    def _settle(self, written: list[tuple[str, str, int]], outcomes: dict[str, Outcome]) -> None:
        with ThreadPoolExecutor(_FLUSHERS) as flushers:
            flushed = list(flushers.map(_flush, [file for _, _, file in written]))
        for (id, part, _), error in zip(written, flushed, strict=True):
            if error is not None:
                outcomes[id] = _disk_refused(id, error)
            if outcomes[id].kind != "accepted":
                Path(part).unlink(missing_ok=True)
                continue
            try:
                os.replace(part, self._path(id))  # noqa: PTH105  see _stands
            except OSError as problem:
                outcomes[id] = _disk_refused(id, problem)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _sweep(self) -> None:
        """Makes the folder; once, takes away what processes left half-written that died long ago."""
        if self._swept:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        old = time.time() - _ABANDONED_AFTER
        for part in self._folder.glob(".*.part"):
            try:
                if part.stat().st_mtime < old:
                    part.unlink()
            except FileNotFoundError:
                continue
        self._swept = True


class MailboxEmail(_Mailbox):
    """E-mail as `.eml` files, readable by any mail program. `build` takes a Letter."""

    _suffix = ".eml"

    @staticmethod
    def build(outgoing: Letter) -> Parcel:
        """The letter as MIME. Pure."""
        return unaddressable(outgoing) or Parcel(outgoing.id, mime(outgoing, readable=True))


class MailboxSlack(_Mailbox):
    """Slack messages as `.json` files. `build` takes a Post."""

    _suffix = ".json"

    @staticmethod
    def build(outgoing: Post) -> Parcel:
        """The post as JSON, as it would be said to Slack, with its id. Pure."""
        said = {
            "id": outgoing.id,
            "channel": outgoing.channel,
            "text": outgoing.text,
            "blocks": outgoing.blocks,
            "metadata": dict(outgoing.metadata),
        }
        if outgoing.update:
            said["update"] = outgoing.update
        if outgoing.speaker:
            said["username"] = outgoing.speaker
        if outgoing.thread:
            said["thread"] = outgoing.thread
        body = json.dumps(said, ensure_ascii=False, indent=1).encode("utf-8", "replace")
        return Parcel(outgoing.id, body, {"channel": outgoing.channel})

    def _accepted(self, id: str) -> Outcome:
        # The same shape as Slack's own: channel:ts. Here the message id stands for both.
        return Outcome(id, "accepted", provider_id=f"mailbox:{id}")


class MailboxWebhook(_Mailbox):
    """Webhooks as `.json` files. `build` takes a Call."""

    _suffix = ".json"

    @staticmethod
    def build(outgoing: Call) -> Parcel:
        """Where it would go and what it would say, as JSON. Pure."""
        body = json.dumps({"id": outgoing.id, "url": outgoing.url, "said": dict(outgoing.said)}, ensure_ascii=False, indent=1)
        return Parcel(outgoing.id, body.encode("utf-8", "replace"))


class Mail(NamedTuple):
    """One message that lies in the mailbox."""

    id: str
    kind: Literal["email", "slack", "webhook"]
    to: str
    """An address, a Slack channel, or where a webhook would go."""
    subject: str
    """Of a Slack message its fall-back text's first line; of a webhook its playbook and step."""
    path: Path


def mails(root: Path, newest: int | None = None) -> list[Mail]:
    """What lies in the mailbox of the project at `root`, oldest first; with `newest`, that many of the youngest."""
    try:
        entries = [(entry.stat().st_mtime_ns, entry.name) for entry in os.scandir(mailbox_folder(root)) if _is_mail(entry.name)]
    except FileNotFoundError:
        return []
    entries.sort()
    chosen = entries if newest is None else entries[len(entries) - min(newest, len(entries)) :]
    return list(_read(mailbox_folder(root) / name for _, name in chosen))


def mail(root: Path, id: str) -> Mail | None:
    """The message of that id; None when it was never sent."""
    if not _SAFE_ID.fullmatch(id):
        return None
    places = [mailbox_folder(root) / f"{id}{suffix}" for suffix in (".eml", ".json")]
    return next(_read(place for place in places if place.exists()), None)


def _is_mail(name: str) -> bool:
    return not name.startswith(".") and name.endswith((".eml", ".json"))


def _read(paths: Iterator[Path]) -> Iterator[Mail]:
    parser = BytesHeaderParser()
    for path in paths:
        if path.suffix == ".json":
            said = json.loads(path.read_bytes())
            if "url" in said:
                yield Mail(path.stem, "webhook", said["url"], f"{said['said'].get('playbook')}/{said['said'].get('step')}", path)
                continue
            yield Mail(path.stem, "slack", said["channel"], one_line(said["text"].partition("\n")[0]), path)
            continue
        with path.open("rb") as file:
            headers = parser.parse(file)
        subject = str(make_header(decode_header(headers["Subject"] or "")))
        yield Mail(path.stem, "email", parseaddr(headers["To"] or "")[1], subject, path)


def _flush(file: int) -> OSError | None:
    """Flushes and closes; hands back what went wrong."""
    try:
        os.fsync(file)
    except OSError as error:
        return error
    finally:
        os.close(file)
    return None


def _disk_refused(id: str, error: OSError) -> Outcome:
    return Outcome(id, "retry", errno.errorcode.get(error.errno or 0, "disk"), blameless=True)
