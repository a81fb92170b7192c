"""SendGrid's own erasure: `POST /v3/recipients/erasejob` takes addresses, and all that it keeps of them goes within days."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cs_engine.channels.pool import Pool, checked_key, checked_url
from cs_engine.errors import CsEngineError

if TYPE_CHECKING:
    import aiohttp

MOST_ADDRESSES = 5_000
MOST_BYTES = 256 * 1024
"""Of one request."""
_ANSWER_WITHIN = 30.0
_MENDS = {
    401: "set SENDGRID_API_KEY to a key that is alive",
    403: "give the API key the permission to erase recipients' data (recipients.erasejob.create)",
    429: "again in a minute",
}


class NotErased(CsEngineError):
    """SendGrid did not take the erasure."""

    def __init__(self, code: str, mend: str) -> None:
        self.code = code
        super().__init__(f"SendGrid did not take the erasure ({code})", mend)


def ask(api_key: str, base_url: str, addresses: Sequence[str]) -> str:
    """The job's id: of the last, where there are more addresses than one request may have. Raises NotErased; to ask again does no harm."""
    url = checked_url(base_url, "SENDGRID_BASE_URL") + "/v3/recipients/erasejob"
    key = checked_key(api_key, "SENDGRID_API_KEY")
    pool = Pool("sendgrid-erasure", 1, _ANSWER_WITHIN, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
    job = ""
    try:
        for body in bodies(addresses):
            job = pool.run(lambda session, body=body: _post(session, url, body))  # type: ignore[misc]  # a default binds this one
    finally:
        pool.close()
    return job


def bodies(addresses: Sequence[str]) -> list[bytes]:
    """As many requests as the vendor's limits ask for; each address once."""
    found: list[list[str]] = [[]]
    size = 0
    for address in dict.fromkeys(addresses):
        weighs = len(json.dumps(address)) + 2
        if len(found[-1]) >= MOST_ADDRESSES or (found[-1] and size + weighs > MOST_BYTES - 64):
            found.append([])
            size = 0
        found[-1].append(address)
        size += weighs
    return [json.dumps({"email_addresses": some}).encode() for some in found if some]


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> str:
    import aiohttp

    again = "the same command again"
    try:
        async with session.post(url, data=body, allow_redirects=False) as response:
            if response.status == 202:
                said = await response.json(content_type=None)
                return str(said.get("job_id", "")) if isinstance(said, dict) else ""
            # Not what it says: that quotes the address.
            raise NotErased(str(response.status), _MENDS.get(response.status, again))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise NotErased(type(error).__name__, again) from None
