"""What of accounts, contacts, what is kept of them elsewhere, and touches stands as it is: their files are linked, and nothing is read.

All that a row becomes hangs on its source's files, on how project.yaml says to read them, on the accounts, and on what calls said of
people. A set that was read as project.yaml now says, from files that are proven to be what they were (`pieces`), with the same calls, holds
what reading them again would give: rows, their numbers, what is wrong with them and what there is to say of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.sources import EventsSource
from cs_engine.ports import CollectedMark, SourceReport
from cs_engine.sources.intake.reading import Reading, files_of
from cs_engine.sources.outside.files import SourceFile
from cs_engine.sources.outside.pieces import PastPeople, Piece, look, same, still
from cs_engine.sources.sets.snapshot import UsageSet

TOUCHES = "touches"


@dataclass(frozen=True, slots=True)
class Standing:
    """Which of it stands, and the files of all of it as they are."""

    files: Mapping[str, Sequence[SourceFile]]
    """Key of the source -> its files."""
    pieces: Mapping[str, tuple[Piece, ...]]
    people: bool
    """Accounts, contacts and attributes: they stand together, for each joins the others."""
    touches: bool

    def after(self, reports: Mapping[str, SourceReport]) -> PastPeople:
        """How they were read, once they were. `reports`: by key, of those that stand and of those that were read."""
        pieces = {
            key: tuple(still(file, piece) for file, piece in zip(files, self.pieces[key], strict=True)) for key, files in self.files.items()
        }
        return PastPeople(pieces, {key: report._replace(fresh=None) for key, report in reports.items()})


def standing(reading: Reading, before: UsageSet | None, collected: CollectedMark | None) -> Standing:
    """What stands of the set before. `collected`: where calls stand. Raises SyncStopped where a file is missing."""
    config, past = reading.config, before.past_people if before is not None else None
    named = [one for one in config.sources.all() if not isinstance(one.source, EventsSource)]
    files = {one.key: [] if one.source.only_collected else files_of(reading.project, one) for one in named}
    found = {key: _same(there, past.pieces.get(key)) if past is not None else None for key, there in files.items()}
    people = before is not None and _said_alike(config, before, collected)
    people = people and all(found[one.key] is not None for one in named if one.key != TOUCHES)
    pieces = {key: found[key] or tuple(look(file) for file in there) for key, there in files.items()}
    return Standing(files, pieces, people, people and found.get(TOUCHES) is not None)


def _same(files: Sequence[SourceFile], before: tuple[Piece, ...] | None) -> tuple[Piece, ...] | None:
    """The files, where they are those of before and each is as it was."""
    if before is None or [file.label for file in files] != [piece.label for piece in before]:
        return None
    found = [same(file, piece) for file, piece in zip(files, before, strict=True)]
    whole = [piece for piece in found if piece is not None]
    return tuple(whole) if len(whole) == len(found) else None


def _said_alike(config: ProjectConfig, before: UsageSet, collected: CollectedMark | None) -> bool:
    """Whether calls say of people what they said then."""
    if not config.sources.profiled:
        return True
    return collected is not None and (collected.edition, collected.profiles) == (before.edition, before.profiles)
