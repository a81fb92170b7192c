"""The few exceptions that cross rooms. Each says what is wrong and how to mend it; callers never match text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cs_engine.language.problems import Problem


class CsEngineError(Exception):
    """Something is wrong."""

    exit_code = 1

    def __init__(self, message: str = "", mend: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").split("\n")[0]
        self.mend = mend
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\n  mend: {self.mend}" if self.mend else self.message


class WrongUse(CsEngineError):
    """The command was called with something that cannot be."""

    exit_code = 2


class NoAccount(WrongUse):
    """There is no account of that id."""

    def __init__(self, account: str, at: str | None = None) -> None:
        """`at`: when there was none; None: now."""
        self.account = account
        super().__init__(f"no account {account!r}{f' at {at}' if at else ''}", "look it up in the accounts source; ids are exact")


class UnfitText(WrongUse):
    """What somebody wrote cannot be a mail."""

    def __init__(self, message: str, mend: str, lacks: str = "") -> None:
        """`lacks`: the part that has to stand in it; '' where it has no text at all, or far too much."""
        self.lacks = lacks
        super().__init__(message, mend)


class NotAProject(WrongUse):
    """This folder is no cs-engine project: it has no playbooks/project.yaml."""


class SettingsError(CsEngineError):
    """A setting is missing or wrong."""


class DatabaseUnavailable(SettingsError):
    """The database cannot be opened, or written to, now: it is locked, its disk is full, or it is being restarted."""


class TickTooEarly(WrongUse):
    """`now` lies before the last tick; time only goes forward."""

    def __init__(self, now: datetime, last: datetime) -> None:
        self.now, self.last = now, last
        super().__init__(
            f"{now.isoformat()} lies before the last tick, {last.isoformat()}; what was decided cannot be decided again",
            f"run at {last.isoformat()} or later; a look at the past wants a state of its own: CS_ENGINE_DATABASE_URL=sqlite:///.cs-engine/past.db",
        )


class TickBusy(CsEngineError):
    """Another run holds the tick."""


class ProblemsFound(CsEngineError):
    """The project has problems."""

    def __init__(self, problems: Sequence[Problem], sources: Mapping[str, str]) -> None:
        self.problems, self.sources = problems, sources
        super().__init__(f"{len(problems)} problem(s) found", "cs-engine check")


class SyncStopped(CsEngineError):
    """A source has too many bad rows, or lacks a column: nothing of it was taken."""


class SourceAway(SyncStopped):
    """A database that sources lie in does not answer now. What was read of it before stays in force."""


class PrefectDown(CsEngineError):
    """Prefect's server does not answer."""


class OnItsWay(WrongUse):
    """What was to be taken back is on its way, or nobody knows whether it has left."""

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__(
            f"a message of {step} is on its way: it cannot be taken back",
            "name a later step; or, where nobody knows whether it left, cs-engine resolve",
        )


class LostRace(CsEngineError):
    """Another run changed these rows first; load them and decide again."""
