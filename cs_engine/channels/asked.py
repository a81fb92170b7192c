"""What vendors say of the keys that we have, asked outright and sending nothing: for `doctor`.

SendGrid   GET /v3/scopes    200 with the key's scopes; 401, 403 a key that is not alive or may nothing
Slack      auth.test         ok with the workspace, the token's scopes in the header X-OAuth-Scopes; else ok: false and a word
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from cs_engine.channels.addressing import one_line
from cs_engine.channels.pool import Pool, checked_key, checked_url

if TYPE_CHECKING:
    import aiohttp

_WITHIN = 4.0
"""Seconds that a vendor has, from looking up its address to the last byte."""
_LONGEST = 80
_SEND = "mail.send"
_POST = "chat:write"
_FIND = ("channels:history", "groups:history", "im:history", "channels:read", "im:write")
"""Without these nobody can look whether an uncertain message stands in Slack already."""
_WORD = re.compile(r"[a-z_]{1,60}")


class Said(NamedTuple):
    """`good`: None where the vendor could not be asked, which says nothing of the key."""

    good: bool | None
    message: str
    mend: str = ""


def sendgrid(api_key: str, base_url: str, within: float = _WITHIN) -> Said:
    """Whether the key is alive and may send mail. Raises SettingsError for what can be no key or no address."""
    url = checked_url(base_url, "SENDGRID_BASE_URL") + "/v3/scopes"
    headers = {"Authorization": f"Bearer {checked_key(api_key, 'SENDGRID_API_KEY')}"}
    answer = _ask("GET", url, headers, within)
    if isinstance(answer, str):
        return Said(None, f"SendGrid could not be asked whether SENDGRID_API_KEY is good: {answer}", "look at the network, then again")
    if answer.status in (401, 403):
        mend = (
            "make a key with Mail Send at SendGrid, Settings, API Keys; of the EU region set SENDGRID_BASE_URL=https://api.eu.sendgrid.com"
        )
        return Said(False, f"SendGrid does not know SENDGRID_API_KEY ({answer.status})", mend)
    scopes = answer.said.get("scopes")
    if answer.status != 200 or not isinstance(scopes, list):
        return Said(None, f"SendGrid answered {answer.status} when asked of SENDGRID_API_KEY", "again in some minutes")
    if _SEND not in scopes:
        return Said(
            False, f"SENDGRID_API_KEY may not send mail: it lacks the scope {_SEND}", "give the key Mail Send: SendGrid, Settings, API Keys"
        )
    return Said(True, "SENDGRID_API_KEY is alive and may send mail")


def slack(token: str, base_url: str, within: float = _WITHIN) -> Said:
    """Whether the token is alive and may post. Raises SettingsError for what can be no token or no address."""
    url = checked_url(base_url, "SLACK_BASE_URL") + "/auth.test"
    headers = {"Authorization": f"Bearer {checked_key(token, 'SLACK_BOT_TOKEN')}"}
    answer = _ask("POST", url, headers, within)
    if isinstance(answer, str):
        return Said(None, f"Slack could not be asked whether SLACK_BOT_TOKEN is good: {answer}", "look at the network, then again")
    if answer.status != 200 or "ok" not in answer.said:
        return Said(None, f"Slack answered {answer.status} when asked of SLACK_BOT_TOKEN", "again in some minutes")
    if answer.said["ok"] is not True:
        word = str(answer.said.get("error", ""))
        why = word if _WORD.fullmatch(word) else "no reason"
        return Said(False, f"Slack refuses SLACK_BOT_TOKEN ({why})", "copy the bot token, xoxb-…, from the app's OAuth & Permissions")
    where = one_line(str(answer.said.get("team", "")))[:_LONGEST]
    scopes = {scope.strip() for scope in answer.scopes.split(",")} if answer.scopes is not None else None
    mend = "add it to the app's OAuth & Permissions, install the app anew"
    if scopes is not None and _POST not in scopes:
        return Said(False, f"SLACK_BOT_TOKEN may not post: it lacks the scope {_POST}", mend)
    if scopes is not None and (lacking := [scope for scope in _FIND if scope not in scopes]):
        message = (
            f"SLACK_BOT_TOKEN is of the workspace {where} and may post, but not look for uncertain messages: it lacks {', '.join(lacking)}"
        )
        return Said(None, message, mend.replace("it to", "them to"))
    return Said(True, f"SLACK_BOT_TOKEN is of the workspace {where} and may post")


class _Answer(NamedTuple):
    status: int
    said: dict[str, Any]
    scopes: str | None


def _ask(method: str, url: str, headers: dict[str, str], within: float) -> _Answer | str:
    """What came back, or why nothing did."""
    import aiohttp

    async def ask(session: aiohttp.ClientSession) -> _Answer:
        limit = aiohttp.ClientTimeout(total=within)
        async with session.request(method, url, headers=headers, allow_redirects=False, timeout=limit) as response:
            try:
                said = await response.json(content_type=None)
            except ValueError:
                said = None
            return _Answer(response.status, said if isinstance(said, dict) else {}, response.headers.get("X-OAuth-Scopes"))

    pool = Pool("doctor", 1, within)
    try:
        return pool.run(ask)
    except TimeoutError:
        return f"no answer within {within:g} seconds"
    except (aiohttp.ClientError, OSError):
        return "no connection"
    finally:
        pool.close()
