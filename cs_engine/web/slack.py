"""What Slack calls: somebody of us presses a button or sends a form. Slack wants an answer within three seconds."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from cs_engine.content.formats import in_locale
from cs_engine.playbook.questions import Kind, Question
from cs_engine.run.delivery.buttons import (
    ANSWER_ACTION,
    APPROVE_ACTION,
    EDIT_ACTION,
    OPEN_ACTION,
    POSTPONE_ACTION,
    REFUSE_ACTION,
    SKIP_ACTION,
)
from cs_engine.web.asked import Asking, Desk
from cs_engine.web.body import TooLarge, body
from cs_engine.web.ctas import ACTIONS, Ctas
from cs_engine.web.edits import CHOSEN, EDITED, Edits
from cs_engine.web.house import House, SlackKeys
from cs_engine.web.in_time import in_time
from cs_engine.web.reviews import Reviews
from cs_engine.web.steps import ORDER, Steps
from cs_engine.web.words import words

log = logging.getLogger(__name__)

WINDOW = 5 * 60
"""Seconds that a request may be old: an older one may have been overheard and sent again."""
MOST_BYTES = 500_000
FORM = "cs_answer"
"""The form that a CTA's button opens."""

_HOOKS = "https://hooks.slack.com/"
_OPENS_WITHIN = 10
_MOST_OPTIONS = 100
_LONGEST_TEXT, _LONGEST_OPTION, _LONGEST_TITLE = 3_000, 75, 24


def is_from_slack(secret: str, headers: Mapping[str, str], raw: bytes, now: float) -> bool:
    """Whether Slack has signed this very body, within the last five minutes. `now`: seconds since 1970."""
    stamp, given = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 20) or abs(now - int(stamp)) > WINDOW:
        return False
    made = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v0={made}".encode(), given.encode("utf-8", "replace"))


class Interactivity:
    """The endpoint of Slack's buttons and forms."""

    def __init__(self, house: House, desk: Desk, reviews: Reviews) -> None:
        self._house, self._desk, self._steps, self._edits = house, desk, Steps(house), Edits(house)
        self._reviews = reviews
        self._ctas = Ctas(house)
        self._staff = {person.slack: person.email for person in house.project.team.staff if person.slack}

    async def take(self, request: Request) -> Response:
        keys = self._house.slack
        if keys is None:
            return PlainTextResponse("SLACK_SIGNING_SECRET is not set\n", 404)
        try:
            raw = await body(request, MOST_BYTES)
        except TooLarge:
            return PlainTextResponse("too large\n", 413)
        if not is_from_slack(keys.signing_secret, request.headers, raw, self._house.clock.now().timestamp()):
            return PlainTextResponse("not signed by Slack\n", 401)
        payload = _payload(raw)
        return await in_time(self._do(payload, keys), partial(_tell_late, keys, payload))

    async def _do(self, payload: Mapping[str, Any], keys: SlackKeys) -> Response:
        match payload.get("type"):
            case "block_actions":
                return await self._pressed(payload, keys)
            case "view_submission" if _at(payload, "view", "callback_id") == FORM:
                return await self._sent(payload)
            case "view_submission" if _at(payload, "view", "callback_id") == ORDER:
                return await self._ordered(payload)
            case "view_submission" if _at(payload, "view", "callback_id") in (CHOSEN, EDITED):
                return await self._rewritten(payload, keys)
            case _:
                return Response()  # what is not ours, or not yet: Slack is told that it came

    async def _pressed(self, payload: Mapping[str, Any], keys: SlackKeys) -> Response:
        actions = payload.get("actions")
        first = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
        if first.get("action_id") in (APPROVE_ACTION, REFUSE_ACTION):
            return await self._read(payload, first)
        if first.get("action_id") == OPEN_ACTION:
            return await self._opened(payload, first)
        if first.get("action_id") in ACTIONS:
            return await self._worked(payload, first)
        if first.get("action_id") in (SKIP_ACTION, POSTPONE_ACTION, EDIT_ACTION):
            return await self._ask_which(payload, first, keys)
        if first.get("action_id") != ANSWER_ACTION:
            return Response()
        token, trigger = str(first.get("value", "")), str(payload.get("trigger_id", ""))
        asking = await run_in_threadpool(self._asking, token)
        if asking is None or not (view := form(asking, token, self._house.project.config.locale))["blocks"]:
            return Response()
        # Slack has its answer first; the trigger lives three seconds more.
        return Response(background=BackgroundTask(_open, keys, trigger, view))

    async def _read(self, payload: Mapping[str, Any], action: Mapping[str, Any]) -> Response:
        """A yes or a no to a mail, by somebody of the team; what became of it is said to them alone."""
        by, url = self._staff.get(str(_at(payload, "user", "id") or "")), str(payload.get("response_url", ""))
        yes = action.get("action_id") == APPROVE_ACTION
        said = await run_in_threadpool(partial(self._reviews.press, str(action.get("value", "")), by, yes=yes))
        return Response(background=BackgroundTask(_say, url, said) if url.startswith(_HOOKS) else None)

    async def _opened(self, payload: Mapping[str, Any], action: Mapping[str, Any]) -> Response:
        """Who wants to read a mail in a browser gets a link of their own, told to them alone."""
        by, url = self._staff.get(str(_at(payload, "user", "id") or "")), str(payload.get("response_url", ""))
        said = await run_in_threadpool(self._reviews.invite, str(action.get("value", "")), by)
        return Response(background=BackgroundTask(_say, url, said) if url.startswith(_HOOKS) else None)

    async def _worked(self, payload: Mapping[str, Any], action: Mapping[str, Any]) -> Response:
        """Somebody works on an alert; what became of it is said to them alone."""
        by, url = self._staff.get(str(_at(payload, "user", "id") or "")), str(payload.get("response_url", ""))
        said = await run_in_threadpool(self._ctas.press, action, by)
        return Response(background=BackgroundTask(_say, url, said) if said and url.startswith(_HOOKS) else None)

    async def _ask_which(self, payload: Mapping[str, Any], action: Mapping[str, Any], keys: SlackKeys) -> Response:
        """Opens the form in which somebody of the team says which step, and why."""
        if str(_at(payload, "user", "id") or "") not in self._staff:
            url = str(payload.get("response_url", ""))
            said = "Only people of team.yaml skip, postpone and edit."
            return Response(background=BackgroundTask(_say, url, said) if url.startswith(_HOOKS) else None)
        message, pressed = str(action.get("value", "")), action.get("action_id")
        if pressed == EDIT_ACTION:
            view = await run_in_threadpool(self._edits.choose, message)
        else:
            view = await run_in_threadpool(self._steps.form, message, "skip" if pressed == SKIP_ACTION else "postpone")
        if view is None:
            return Response()
        return Response(background=BackgroundTask(_open, keys, str(payload.get("trigger_id", "")), view))

    async def _ordered(self, payload: Mapping[str, Any]) -> Response:
        """Gives the order that the form says; sent twice, it is given once."""
        by, values = self._staff.get(str(_at(payload, "user", "id") or "")), _at(payload, "view", "state", "values")
        if by is None or not isinstance(values, dict):
            return Response()
        given = {field: _value(parts) for field, parts in values.items() if isinstance(parts, dict)}
        answer = await run_in_threadpool(self._steps.order, str(_at(payload, "view", "private_metadata") or ""), given, by)
        return JSONResponse(answer) if answer else Response()

    async def _rewritten(self, payload: Mapping[str, Any], keys: SlackKeys) -> Response:
        """Shows the mail that was chosen, which may take longer than Slack waits; or keeps it as it was written."""
        by, values = self._staff.get(str(_at(payload, "user", "id") or "")), _at(payload, "view", "state", "values")
        if by is None or not isinstance(values, dict):
            return Response()
        given = {field: _value(parts) for field, parts in values.items() if isinstance(parts, dict)}
        meant, view_id = str(_at(payload, "view", "private_metadata") or ""), str(_at(payload, "view", "id") or "")
        if _at(payload, "view", "callback_id") == EDITED:
            answer = await run_in_threadpool(self._edits.keep, meant, given, by)
            return JSONResponse(answer) if answer else Response()

        async def show() -> None:
            await _replace(keys, view_id, await run_in_threadpool(self._edits.write, meant, given.get("step", ""), by))

        return JSONResponse(self._edits.wait(), background=BackgroundTask(show))

    async def _sent(self, payload: Mapping[str, Any]) -> Response:
        asking = await run_in_threadpool(self._asking, str(_at(payload, "view", "private_metadata") or ""))
        values = _at(payload, "view", "state", "values")
        if asking is None or not isinstance(values, dict):
            return Response()
        given = {field: _value(parts) for field, parts in values.items() if isinstance(parts, dict)}
        user = str(_at(payload, "user", "id") or "")
        refused = await run_in_threadpool(self._desk.keep, asking, given, self._staff.get(user, f"slack:{user}"), "staff")
        if refused is None:
            self._house.go_on(asking.message.playbook)
            return Response()  # closes the form
        said = words(self._house.project.config.locale)
        kinds = {question.field: question.kind for question in asking.questions}
        errors = {field: said["wrong_date" if kinds[field] is Kind.DATE else "wrong_choice"] for field in refused.wrong}
        return JSONResponse({"response_action": "errors", "errors": errors or {asking.questions[0].field: said["nothing"]}})

    def _asking(self, token: str) -> Asking | None:
        """What the button asks; a button does not expire as long as its alert stands."""
        opened = self._house.links.read(token)
        return None if opened is None else self._desk.asking(opened.message)


def form(asking: Asking, token: str, locale: str) -> dict[str, Any]:
    """The questions as a Block Kit modal."""
    said = words(locale)
    answerable = [question for question in asking.questions if question.kind is not Kind.CONTACT or asking.contacts]
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": token,
        "title": _plain(said["title"], _LONGEST_TITLE),
        "submit": _plain(said["send"], _LONGEST_TITLE),
        "close": _plain(said["close"], _LONGEST_TITLE),
        "blocks": [_input(question, asking.contacts, locale) for question in answerable],
    }


def _input(question: Question, contacts: Any, locale: str) -> dict[str, Any]:
    options = [_option(choice.value, in_locale(choice.label, locale)) for choice in question.choices]
    match question.kind:
        case Kind.TEXT:
            element: dict[str, Any] = {"type": "plain_text_input", "multiline": True, "max_length": _LONGEST_TEXT}
        case Kind.DATE:
            element = {"type": "datepicker"}
        case Kind.CONTACT:
            element = {"type": "static_select", "options": [_option(id, name or id) for id, name in contacts[:_MOST_OPTIONS]]}
        case Kind.NPS:  # radio buttons take ten at most
            element = {"type": "static_select", "options": options}
        case _:
            element = {"type": "radio_buttons", "options": options}
    label = _plain(in_locale(question.title, locale), 2_000)
    hint = {"hint": _plain(" … ".join(in_locale(end, locale) for end in question.ends), 2_000)} if question.ends else {}
    shown = {"type": "input", "block_id": question.field, "optional": True, "label": label, **hint}
    return {**shown, "element": {**element, "action_id": "value"}}


def _option(value: str, label: str) -> dict[str, Any]:
    return {"text": _plain(label, _LONGEST_OPTION), "value": value}


def _plain(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": text if len(text) <= most else text[: most - 1] + "…"}


async def _tell_late(keys: SlackKeys, payload: Mapping[str, Any], answer: Response | None) -> None:
    """What was answered when Slack did not wait any more: the form has closed, so whoever sent it is told in a message of their own."""
    problems = _problems(answer)
    user = str(_at(payload, "user", "id") or "")
    if not problems or not user or payload.get("type") != "view_submission":
        return
    from slack_sdk.web.async_client import AsyncWebClient

    text = "\n".join(["Your form was not kept. Please press the button again.", *problems])
    try:
        await AsyncWebClient(keys.bot_token, keys.base_url, timeout=_OPENS_WITHIN).chat_postMessage(channel=user, text=text)
    except Exception as error:  # noqa: BLE001 - nothing was kept, and nobody can be told
        log.error("Slack was not told: %s", type(error).__name__)  # noqa: TRY400 - a trace could quote it


def _problems(answer: Response | None) -> list[str]:
    """What was wrong with a form; nothing when it was kept."""
    if answer is None:
        return ["The database was busy for too long."]
    found = json.loads(bytes(answer.body)) if answer.body else {}
    errors = found.get("errors") if isinstance(found, dict) else None
    return [f"• {field}: {text}" for field, text in errors.items()] if isinstance(errors, dict) else []


async def _say(url: str, text: str) -> None:
    """Tells only whoever pressed."""
    from slack_sdk.webhook.async_client import AsyncWebhookClient

    try:
        await AsyncWebhookClient(url, timeout=_OPENS_WITHIN).send(text=text, response_type="ephemeral", unfurl_links=False)
    except Exception as error:  # noqa: BLE001 - what was done is done
        log.error("Slack was not told: %s", type(error).__name__)  # noqa: TRY400 - a trace could quote it


async def _open(keys: SlackKeys, trigger: str, view: dict[str, Any]) -> None:
    """Opens the form at whoever pressed. Who sees none presses again."""
    from slack_sdk.web.async_client import AsyncWebClient

    try:
        await AsyncWebClient(keys.bot_token, keys.base_url, timeout=_OPENS_WITHIN).views_open(trigger_id=trigger, view=view)
    except Exception as error:  # noqa: BLE001 - whatever the network does; its text may hold what was asked
        log.error("Slack did not open a form: %s", type(error).__name__)  # noqa: TRY400 - a trace could quote it too


async def _replace(keys: SlackKeys, view_id: str, view: dict[str, Any]) -> None:
    """Shows something else in a form that is open."""
    from slack_sdk.web.async_client import AsyncWebClient

    try:
        await AsyncWebClient(keys.bot_token, keys.base_url, timeout=_OPENS_WITHIN).views_update(view_id=view_id, view=view)
    except Exception as error:  # noqa: BLE001 - as above
        log.error("Slack did not show a form: %s", type(error).__name__)  # noqa: TRY400 - as above


def _payload(raw: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(parse_qs(raw.decode("utf-8")).get("payload", ["{}"])[0])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _at(data: Any, *keys: str) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _value(parts: Mapping[str, Any]) -> str:
    """What one field of a form holds, whichever kind it is."""
    element = parts.get("value")
    if not isinstance(element, dict):
        return ""
    found = _at(element, "selected_option", "value") or element.get("selected_date") or element.get("value") or ""
    return str(found)
