"""What products tell of what their users do."""

from __future__ import annotations

from collections.abc import Sequence

from cs_engine.ports import CollectedMark, Profile
from cs_engine.state import collected, profiles
from cs_engine.state.store.part import Part
from cs_engine.usage.collected import Arrived, Collected, ProfileKind


class Collector(Part):
    """Each method is one transaction."""

    def collect(self, calls: Sequence[Collected]) -> int:
        with self.database.write() as tx:
            collected.in_turn(tx)
            # Read within: what a tick before it cannot have seen did not come before that tick.
            return collected.put(tx, profiles.apply(tx, calls, received_at := self._wall()), received_at)

    def collected(self, after: int, limit: int) -> list[Arrived]:
        with self.database.read() as tx:
            return collected.after(tx, after, limit)

    def profiles(self, kind: ProfileKind) -> list[Profile]:
        with self.database.read() as tx:
            return profiles.every(tx, kind)

    def collected_mark(self) -> CollectedMark:
        with self.database.read() as tx:
            return collected.mark(tx)
