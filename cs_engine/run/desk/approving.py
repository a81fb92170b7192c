"""Somebody says yes or no to a mail that is read before it goes, as it is or in their own words."""

from __future__ import annotations

import re
from datetime import datetime

from cs_engine.content.mail import one_line
from cs_engine.content.written import as_html, require_kept, require_text
from cs_engine.errors import WrongUse
from cs_engine.instants import to_micros
from cs_engine.journey.approval import Answer, Approval
from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.project import Project
from cs_engine.ports import Store
from cs_engine.run.delivery.approvals import line_of

_WAY_OUT = re.compile(r"https?://[^\s<>]+/u/[\w~-]+")
"""Our own link to unsubscribe."""


def answer(
    store: Store, project: Project, approval: Approval, by: str, now: datetime, *,
    yes: bool, reason: str = "", edited: tuple[str, str] | None = None,
) -> bool:  # fmt: skip
    """Somebody's yes or no at `now`, real time; `edited`: the (subject, text) that goes instead. False when it has been answered before,
    or cannot go any more. Raises what `as_edited` does.
    """
    given = approval._replace(answer=Answer.APPROVED if yes else Answer.REFUSED, by=by, answered_at=to_micros(now), reason=reason)
    if edited is not None:
        subject, text, html = as_edited(project.config, approval, *edited)
        given = given._replace(subject=subject, text=text, html=html)
    said = (reason or by) + (" (edited)" if edited is not None else "")
    return store.answer_approval(given, line_of(given, to_micros(now), "approved" if yes else "refused", said))


def as_edited(config: ProjectConfig, approval: Approval, subject: str, text: str) -> tuple[str, str, str]:
    """(subject, text, HTML) of the mail with that subject ('': its own) and text; with the text its own the HTML is, too. Raises UnfitText
    for a text that is none, or lacks what mail law asks for and the mail had; WrongUse for one of an alert.
    """
    if not approval.html:
        raise WrongUse("an alert goes as its template says: it cannot be edited", "say yes or no to it")
    require_text(text)
    needed = [*needed_by_law(config), *_WAY_OUT.findall(approval.text)]
    require_kept([part for part in needed if part in approval.text], text)
    return one_line(subject) or approval.subject, text, approval.html if text == approval.text else as_html(text)


def needed_by_law(config: ProjectConfig) -> list[str]:
    """What a mail that has it must keep, whoever edits it: the postal address in any language, and the way out; where a law is named, who
    sends and where to ask, too.
    """
    company = config.company
    needed = [*(company.postal_address or {}).values(), *((config.unsubscribe,) if config.unsubscribe else ())]
    return needed if config.law is None else [*needed, *company.name.values(), *((company.contact,) if company.contact else ())]
