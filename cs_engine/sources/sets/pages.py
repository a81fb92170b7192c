"""Tallies whose keys are whole numbers, as they are kept: pages of numbers, in a file of their own.

The account, the person and the kind of an event are dense numbers, so that what is counted of them is an array indexed by them: no
hashing, no sorting. A *page* is an array of INTEGER with a column a row, each in order of its keys:

- *by day*: subject, day (since 1970), how many; days in their order;
- *marks*: subject, [value,] block, and its sixty bits as two halves of thirty; all of one block.

A key may stand in several pages, and in the pages of several places: whoever reads them adds up (see `usage.tallies`).
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cs_engine.usage.tallies import BLOCK, Tally

Numbers = NDArray[np.signedinteger[Any]]
Page = NDArray[np.int32]
Flags = NDArray[np.bool_]

HALF = BLOCK // 2
PLACES = 6
_VALUES = 29
LOW = (1 << HALF) - 1
"""The first thirty of sixty bits."""


def page(*columns: Numbers | int) -> Page:
    """A page of these columns, of which the first is an array."""
    assert isinstance(columns[0], np.ndarray)
    made = np.empty((len(columns), len(columns[0])), np.int32)
    for i, column in enumerate(columns):
        made[i] = column
    return made


def write(file: BinaryIO, made: NDArray[Any]) -> None:
    """Appends a page."""
    npy.write_array(file, made, allow_pickle=False)


def read(file: Path) -> Iterator[NDArray[Any]]:
    """The pages of a file. Of a page that nobody looks at nothing is read."""
    with file.open("rb") as opened:
        end = file.stat().st_size
        if not end:
            return
        mapped = mmap(opened.fileno(), end, access=ACCESS_READ)  # closed with the last page that somebody has
        while opened.tell() < end:
            npy.read_magic(opened)
            shape, _, kind = npy.read_array_header_1_0(opened)
            yield np.ndarray(shape, kind, mapped, opened.tell())
            opened.seek(shape[0] * shape[1] * kind.itemsize, 1)


def roomy(array: NDArray[Any], size: int, fill: int = 0) -> NDArray[Any]:
    """The array, made longer where it has not that many places."""
    if size <= len(array):
        return array
    longer = np.full(max(size, 2 * len(array)), fill, array.dtype)
    longer[: len(array)] = array
    return longer


def distinct(keys: Numbers) -> Numbers:
    """Each key once, in their order."""
    ordered = np.sort(keys)
    found: Numbers = ordered[np.concatenate([np.ones(min(1, len(ordered)), np.bool_), ordered[1:] != ordered[:-1]])]
    return found


def packed(subjects: Numbers, values: Numbers) -> Numbers:
    """A number for each pair, in order of subjects, that leaves room for PLACES further bits: of subjects below 2^28."""
    return (subjects.astype(np.int64) << _VALUES) | values


def unpacked(pairs: Numbers) -> tuple[Numbers, Numbers]:
    return pairs >> _VALUES, pairs & ((1 << _VALUES) - 1)


class Kinds:
    """Dense numbers for pairs of a subject and one of few values."""

    def __init__(self, many: int) -> None:
        self._many = many

    def dense(self, subjects: Numbers, values: Numbers) -> tuple[Numbers, Flags | None]:
        keys = np.multiply(subjects, self._many, dtype=np.int32)
        keys += values
        return keys, None

    def pairs(self, keys: Numbers) -> tuple[Numbers, Numbers]:
        return keys // self._many, keys % self._many

    def count(self, seen: Flags) -> Numbers:
        """How many numbers each subject has among those that were seen."""
        if not seen.any():
            return np.zeros(0, np.int64)
        subjects = (len(seen) - int(seen[::-1].argmax()) - 1) // self._many + 1
        size = subjects * self._many
        found: Numbers = roomy(seen, size)[:size].reshape(subjects, self._many).sum(axis=1, dtype=np.int64)
        return found


class Homes:
    """Dense numbers for pairs of a subject and a value that mostly is of that subject alone: a person acts for one account.

    A value's home is the subject with which it is met first; there the pair's number is the value's own. Other pairs have none.
    """

    def __init__(self) -> None:
        self._of: NDArray[np.int32] = np.zeros(0, np.int32)

    def dense(self, subjects: Numbers, values: Numbers) -> tuple[Numbers, Flags | None]:
        """The numbers of the pairs; and which have none, where there are such."""
        if not len(values):
            return values, None
        keys = values.astype(np.int64, copy=False)
        self._of = roomy(self._of, int(keys.max()) + 1, -1)
        homes = self._of[keys]
        if homes.min() < 0:
            new = homes < 0
            self._of[keys[new]] = subjects[new]
            homes = self._of[keys]
        away = homes != subjects
        return keys, away if away.any() else None

    def pairs(self, keys: Numbers) -> tuple[Numbers, Numbers]:
        return self._of[keys].astype(np.int64), keys

    def count(self, seen: Flags) -> Numbers:
        return np.bincount(self._of[np.flatnonzero(seen)])


def keys_of(tally: Tally, kinds: int) -> Kinds | Homes:
    """`kinds`: how many kinds of events there are; 0 for too many."""
    return Kinds(kinds) if tally.column == "event" and kinds else Homes()
