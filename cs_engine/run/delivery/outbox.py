"""From jobs to outcomes: rendering and building on all cores, sending through the channels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cs_engine.ports import Channel, Logged, Outcome, Parcel, Trace
from cs_engine.run.delivery.press import Build, Failed, Job, Press

if TYPE_CHECKING:
    from cs_engine.run.delivery.hands import Hand, Openers
    from cs_engine.run.delivery.lease import Lease

WORTH_A_POOL = 2_000
"""Jobs that have to be waiting for processes to be worth their start, which costs about as much as rendering some thousand mails."""


class NotSent(Exception):
    """Nothing of a batch has left: it failed before."""


class Outbox:
    """Makes parcels and sends them: here, or on all cores once there is enough to do. Processes that were started are kept."""

    def __init__(
        self,
        root: Path,
        locale: str,
        channels: Mapping[str, Channel[Any]],
        builders: Mapping[str, Build],
        processes: int | None = None,
        openers: Openers | None = None,
    ) -> None:
        """`openers`: of the channels that may post from other processes too."""
        self._arguments = (root, locale, dict(builders))
        self.press = Press(*self._arguments)
        self._channels = channels
        self._openers = dict(openers or {})
        self._processes = _cores() if processes is None else processes
        self._hands: list[Hand] = []
        self._retired: list[Hand] = []

    @property
    def channels(self) -> list[str]:
        """The ways out, in the order in which they are served."""
        return list(self._channels)

    def vendor(self, channel: str) -> str:
        """Who takes what goes that way: mailbox | sendgrid | smtp | slack | https."""
        return self._channels[channel].name

    def posts_beside(self, channel: str) -> bool:
        """Whether other processes render and post for this channel while this one does something else."""
        return channel in self._openers and bool(self._hands) and all(hand.ready for hand in self._hands)

    def start_processes(self) -> None:
        """Has the processes started that render and post; until they are there, and where none can be started, this one does it."""
        from cs_engine.run.delivery.hands import Hand

        try:
            for _ in range(self._processes):
                self._hands.append(Hand(*self._arguments, self._openers, self._processes))
        except OSError:  # the machine has no room for them
            self._fall_back()

    def grows(self, channel: str) -> bool:
        """Whether other processes would be started for this channel if there were much to do."""
        return channel in self._openers and self._processes > 1 and not self._hands

    def post(self, channel: str, jobs: Sequence[Job], lease: Lease, *, left: int = 0) -> Callable[[], list[Outcome | Failed]]:
        """Renders and sends what the lease holds; call what is returned for what became of each job, in no order. `left`: how many more
        are waiting.

        Where `posts_beside`, it has begun already when this returns, and may have when it is interrupted. Else all is done in the call,
        which raises NotSent when it fails before anything left.
        """
        if jobs and left >= WORTH_A_POOL and self.grows(channel):
            self.start_processes()
        if not self.posts_beside(channel):
            return partial(self._post_alone, channel, jobs, lease)
        share = -(-len(jobs) // len(self._hands))
        parts = [jobs[i : i + share] for i in range(0, len(jobs), share)]
        posting = [(part, self._begun(hand, channel, part, lease)) for hand, part in zip(self._hands, parts, strict=False)]
        return lambda: [outcome for part, ended in posting for outcome in self._outcomes(channel, part, lease, ended)]

    def _begun(self, hand: Hand, channel: str, jobs: Sequence[Job], lease: Lease) -> Callable[[], list[Outcome | Failed]] | None:
        try:
            return hand.post(channel, jobs, lease.ends)
        except BrokenProcessPool:
            return None

    def _outcomes(
        self, channel: str, jobs: Sequence[Job], lease: Lease, ended: Callable[[], list[Outcome | Failed]] | None
    ) -> list[Outcome | Failed]:
        """What a process says became of its part. When it was killed, for its memory perhaps, its channel may know."""
        if ended is not None:
            try:
                return ended()
            except BrokenProcessPool:
                pass
        self._fall_back()
        # One that was dead before it was told of them has sent none.
        known = self.lookup(channel, [job.id for job in jobs]) if ended is not None else {job.id: Outcome(job.id, "retry") for job in jobs}
        again = {id for id, outcome in known.items() if outcome.kind == "retry"}  # surely never left: that process is gone
        told = [known.get(job.id) or Outcome(job.id, "uncertain", "process_died") for job in jobs if job.id not in again]
        return [*told, *self._send(channel, [self.press.make(job) for job in jobs if job.id in again], lease)]

    def _fall_back(self) -> None:
        """From now on all is done in this process; what the others have begun, they end."""
        self._processes = 1
        self._retired += self._hands
        self._hands = []

    def _post_alone(self, channel: str, jobs: Sequence[Job], lease: Lease) -> list[Outcome | Failed]:
        try:
            made = [self.press.make(job) for job in jobs]
        except BaseException as failure:
            raise NotSent from failure
        return self._send(channel, made, lease)

    def _send(self, channel: str, made: Sequence[Parcel | Failed], lease: Lease) -> list[Outcome | Failed]:
        failed = [one for one in made if isinstance(one, Failed)]
        return [*failed, *self._channels[channel].send([one for one in made if isinstance(one, Parcel)], lease.holds)]

    def lookup(self, channel: str, ids: Sequence[str]) -> Mapping[str, Outcome]:
        """What the channel knows of messages whose fate is not known."""
        return self._channels[channel].lookup(ids)

    def search(self, channel: str, traces: Sequence[Trace]) -> Mapping[str, Outcome]:
        """What the record of the channel's provider has of them, where it keeps one that can be searched."""
        way = self._channels[channel]
        return way.search(traces) if traces and isinstance(way, Logged) else {}

    def close(self) -> None:
        """Ends the processes and closes the channels."""
        for hand in (*self._hands, *self._retired):
            hand.close()
        self._hands, self._retired = [], []
        for channel in self._channels.values():
            channel.close()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
