"""Whether a person opened a mail or clicked in it, or a machine did. Machines are counted apart, and steer nothing. Pure.

Mail scanners follow every link before a person sees the mail (489 of 497 unsubscribes by GET in one record of a list's owner were
theirs), and mailboxes fetch pictures by themselves. It was a machine when one of these is so:

* SendGrid says so (`sg_machine_open`: Apple's Mail Privacy Protection fetches every picture of every mail, read or not);
* the agent is a proxy of a mailbox (Gmail's GoogleImageProxy, Yahoo's), the bare `Mozilla/5.0` of Apple's, a scanner, a library or
  a robot by its own name, or says nothing at all;
* it was done within 10 seconds of the delivery: scanners work while the mail is being put into the mailbox, people do not;
* it is a click of three or more on different links of one mail within 10 seconds: who follows them all reads none.

What is delivered, and what else was clicked, may be told later than the click: so all of a mail is judged again whenever more is told.
An opening or a click that was a person's all the same costs little: they are heard when they answer, or use the product.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from cs_engine.instants import Micros
from cs_engine.journey.provider_event import CLICKED, ProviderEvent

SOON: Micros = 10 * 1_000_000
"""So soon after its delivery nobody reads a mail; and so fast nobody follows several links."""
MANY_LINKS = 3

PERSON, MACHINE = "person", "machine"

_AGENTS = re.compile(
    r"googleimageproxy|ggpht|yahoomailproxy|yahoocachesystem|duckduckgo-favicons|bingpreview|slackbot|facebookexternalhit|linkedinbot"
    r"|\bbot\b|bot[/;) ]|crawler|spider|scanner|preview|prefetch|headless|phantomjs|barracuda|proofpoint|mimecast|messagelabs|symantec"
    r"|trendmicro|trend micro|ironport|fireeye|safelinks|forcepoint|zscaler|sophos|fortimail|fortiguard|bitdefender|kaspersky|cloudmark"
    r"|curl/|wget/|python|okhttp|java/|go-http-client|libwww|httpclient|node-fetch|axios|ruby",
    re.IGNORECASE,
)
_APPLES_PROXY = "mozilla/5.0"
"""The whole of what Apple's says; browsers say more."""


def judge(events: Sequence[ProviderEvent], delivered: Micros | None) -> dict[str, str]:
    """Event -> PERSON or MACHINE, of all openings and clicks of one mail by one address. `delivered`: when it was; None: not told."""
    clicks = sorted((event for event in events if event.kind == CLICKED), key=lambda event: event.at)
    bursts = {click.id for click in clicks if len({c.link for c in clicks if abs(c.at - click.at) <= SOON}) >= MANY_LINKS}
    return {event.id: MACHINE if event.id in bursts or is_machine(event, delivered) else PERSON for event in events}


def is_machine(event: ProviderEvent, delivered: Micros | None) -> bool:
    """Whether this one, taken by itself, was a machine's. `delivered`: when the mail was; None: nobody has told."""
    if event.machine or (delivered is not None and event.at - delivered <= SOON):
        return True
    return _is_machines(event.agent)


@lru_cache(maxsize=4096)
def _is_machines(agent: str) -> bool:
    named = agent.strip().lower()
    return named in ("", _APPLES_PROXY) or _AGENTS.search(named) is not None
