"""Opens the channels of mail: in the process that delivers, and in those that help it, which read no more of the engine than they need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cs_engine.channels.mailbox import MailboxEmail
    from cs_engine.channels.sendgrid import SendgridChannel
    from cs_engine.channels.smtp import SmtpChannel

SENDGRID_CONNECTIONS, MOST_OF_ALL = 128, 256
"""At once, to a vendor that answers in some 50 ms: of one process, well below the open files that macOS gives it; and of all together."""
SMTP_CONNECTIONS = 4


def mailbox(root: Path, sharers: int = 1) -> MailboxEmail:  # noqa: ARG001 - a folder is for as many as like
    """The mailbox below `root`."""
    from cs_engine.channels.mailbox import MailboxEmail

    return MailboxEmail(root)


def smtp(url: str, sharers: int = 1) -> SmtpChannel:
    """`sharers`: processes that share what the server allows."""
    from cs_engine.channels.smtp import SmtpChannel

    return SmtpChannel(url, connections=max(1, SMTP_CONNECTIONS // sharers))


def sendgrid(key: str, base_url: str, sharers: int = 1) -> SendgridChannel:
    """`sharers`: processes that share what the vendor allows."""
    from cs_engine.channels.sendgrid import SendgridChannel

    return SendgridChannel(key, base_url, concurrency=max(1, min(SENDGRID_CONNECTIONS, MOST_OF_ALL // sharers)))
