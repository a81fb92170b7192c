"""The collector: usage as products' clients send it, in Segment's HTTP API and in PostHog's. Answered once it is on disk."""

from __future__ import annotations

import binascii
import hmac
import json
import logging
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cs_engine.instants import Micros, to_micros
from cs_engine.usage import calls_posthog, calls_segment
from cs_engine.usage.collected import KINDS, Collected, Object, Refused
from cs_engine.web.body import TooLarge, body
from cs_engine.web.house import Collecting, House
from cs_engine.web.inbox import Busy, Inbox, NotKept

log = logging.getLogger(__name__)

MOST_BATCH_BYTES = 500 << 10
"""Of a body, unpacked."""

COME_AGAIN = {"Retry-After": "5"}
_MOST_TOLD = 20
"""Refused events that an answer tells of, one by one."""

Read = Callable[[object, Micros], Collected]


class NoSuch(Exception):
    """What was sent cannot be read at all. `status` and the rest are what is answered."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Collector:
    """The endpoints.

    | | |
    |---|---|
    | all is kept, or was before | 200 `{"success": true}` |
    | some of a batch is refused, the rest is kept | 200, and `refused` says which and why |
    | nothing of it can be taken; no JSON | 400 |
    | no write key, or a wrong one | 401 |
    | no key is set | 404 |
    | over 500 KB | 413 |
    | the database is locked, full or away; too much at once | 503: clients try again |
    """

    def __init__(self, house: House) -> None:
        self._collecting, self._clock = house.collecting, house.clock
        self._inbox = Inbox(house.collecting.store, house.collecting.arrived) if house.collecting is not None else None

    def routes(self) -> Iterator[Route]:
        for kind in KINDS:
            for path in (f"/v1/{kind}", f"/v1/{kind[0]}"):
                yield Route(path, self._endpoint(_single(kind)), methods=["POST"])
        for path in ("/v1/batch", "/v1/import"):
            yield Route(path, self._endpoint(_segment_batch), methods=["POST"])
        for path in ("/batch", "/batch/", "/capture", "/capture/"):
            yield Route(path, self._endpoint(_posthog), methods=["POST"])

    def _endpoint(self, calls: Callable[[Object], tuple[list[object], Read]]) -> Callable[[Request], Any]:
        async def take(request: Request) -> Response:
            try:
                return await self._take(request, calls)
            except NoSuch as error:
                return _no(error.status, error.code, error.message)
            except (NotKept, Busy):
                return _no(503, "unavailable", "not kept: try again", COME_AGAIN)
            except Exception as error:  # noqa: BLE001 - a page for people would answer else
                log.error("the collector failed: %s", type(error).__name__)  # noqa: TRY400 - a trace could quote data
                return _no(500, "failed", "not kept: try again")

        return take

    async def _take(self, request: Request, calls: Callable[[Object], tuple[list[object], Read]]) -> Response:
        if self._collecting is None or self._inbox is None:
            raise NoSuch(404, "off", "CS_ENGINE_WRITE_KEYS is not set")
        given = _key(request.headers.get("authorization", ""))
        if given is not None and not _is_one(given, self._collecting):
            raise NoSuch(401, "unauthorized", "no such write key")
        said = _object(unpacked(await _raw(request), request.headers.get("content-encoding", "")))
        if given is None and not _is_one(said.get("writeKey") or said.get("api_key") or said.get("token"), self._collecting):
            raise NoSuch(401, "unauthorized", "a write key is missing, or there is no such one")
        found, read = calls(said)
        taken, refused = _sorted(found, read, to_micros(self._clock.now()))
        await self._inbox.keep(taken)
        if not refused:
            return _yes()
        if not taken:
            _, first = refused[0]
            return _no(400, first.code, first.message, refused=refused)
        return _yes(refused)


def _single(kind: str) -> Callable[[Object], tuple[list[object], Read]]:
    def calls(said: Object) -> tuple[list[object], Read]:
        return [said], lambda call, received: calls_segment.collected(call, received, kind)

    return calls


def _segment_batch(said: Object) -> tuple[list[object], Read]:
    around = {name: said.get(name) for name in ("sentAt", "context")}
    return _list(said), lambda call, received: calls_segment.collected(call, received, around=around)


def _posthog(said: Object) -> tuple[list[object], Read]:
    around = {"sent_at": said.get("sent_at")}
    found: list[object] = _list(said) if "batch" in said else [said]
    return found, lambda call, received: calls_posthog.collected(call, received, around)


def _list(said: Object) -> list[object]:
    batch = said.get("batch")
    if not isinstance(batch, list):
        raise NoSuch(400, "invalid_type", "batch is no list")
    return batch


def _sorted(found: Iterable[object], read: Read, received: Micros) -> tuple[list[Collected], list[tuple[int, Refused]]]:
    taken, refused = [], []
    for number, call in enumerate(found):
        try:
            taken.append(read(call, received))
        except Refused as error:
            refused.append((number, error))
    return taken, refused


def _key(authorization: str) -> str | None:
    """The write key that a header gives: the user of Basic, or a Bearer's token. None without one."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return None
    try:
        return b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _is_one(given: object, collecting: Collecting) -> bool:
    """Whether it is a key. Takes as long for a wrong one as for a right one."""
    if not isinstance(given, str):
        return False
    said, found = given.encode("utf-8", "replace"), False
    for key in collecting.keys:
        found |= hmac.compare_digest(said, key)
    return found


async def _raw(request: Request) -> bytes:
    try:
        return await body(request, MOST_BATCH_BYTES)
    except TooLarge:
        raise _too_large() from None


def unpacked(raw: bytes, encoding: str) -> bytes:
    """The body as it was before it was packed. Raises NoSuch; unpacks no more than it would take."""
    if encoding.strip().lower() in ("", "identity"):
        return raw
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise NoSuch(415, "unknown_encoding", "bodies may be packed with gzip or deflate")
    unpacker = zlib.decompressobj(wbits=47)  # gzip or zlib, whichever it says
    try:
        plain = unpacker.decompress(raw, MOST_BATCH_BYTES + 1)
    except zlib.error:
        raise NoSuch(400, "invalid_encoding", "the body is not packed as its header says") from None
    if len(plain) > MOST_BATCH_BYTES:
        raise _too_large()
    if not unpacker.eof:
        raise NoSuch(400, "invalid_encoding", "the packed body is cut off")
    return plain


def _too_large() -> NoSuch:
    return NoSuch(413, "too_large", f"a body has more than {MOST_BATCH_BYTES >> 10} KB")


def _object(raw: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        said = _lenient(raw)
    if not isinstance(said, dict):
        raise NoSuch(400, "invalid_json", "the body is no JSON object")
    return said


def _lenient(raw: bytes) -> object:
    """As Python's clients write it: NaN is no number and becomes null, half a character becomes a question mark."""
    try:
        said = json.loads(raw, parse_constant=lambda _: None)
        return orjson.loads(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise NoSuch(400, "invalid_json", "the body is no JSON") from None


def _yes(refused: list[tuple[int, Refused]] | None = None) -> Response:
    return JSONResponse({"success": True, **_told(refused or [])})


def _no(
    status: int, code: str, message: str, headers: dict[str, str] | None = None, refused: list[tuple[int, Refused]] | None = None
) -> Response:
    # `detail` is where PostHog's clients look for what `message` is to others.
    said = {"success": False, "code": code, "message": message, "detail": message, **_told(refused or [])}
    return JSONResponse(said, status, headers)


def _told(refused: list[tuple[int, Refused]]) -> dict[str, Any]:
    if not refused:
        return {}
    shown = [{"index": number, "code": error.code, "message": error.message} for number, error in refused[:_MOST_TOLD]]
    return {"refused": shown, "refused_count": len(refused)}
