"""Who holds a tick or a lease: a process, named so that others can tell whether it still lives. `host:pid:start`."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import lru_cache
from pathlib import Path

_INIT_PID_NAMESPACE = "pid:[4026531836]"
"""The machine's own, on every Linux; a container has another and sees other processes under the same numbers."""


def this_process() -> str:
    """The holder's name of the process that asks."""
    return name_of(os.getpid())


@lru_cache(maxsize=8)
def name_of(pid: int) -> str:
    """The holder's name of a living process of this host."""
    return f"{_host()}:{pid}:{_start(pid) or '?'}"


def is_dead(holder: str) -> bool:
    """True when the holder's process is known to have ended: it ran on this host, and no process of its number and start does.
    False when it lives, or ran where we cannot look.
    """
    process, _, start = holder.rpartition(":")
    host, _, pid = process.rpartition(":")
    return host == _host() and pid.isdigit() and _start(int(pid)) != start


@lru_cache(maxsize=1)
def _host() -> str:
    name = platform.node() or "localhost"
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return name
    return name if namespace == _INIT_PID_NAMESPACE else f"{name}/{namespace[5:-1]}"


def _start(pid: int) -> str | None:
    """When the process started, in words that another of the same number cannot share; None when there is none or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _start_by_ps(pid)
    except ProcessLookupError:
        return None
    # The name, in brackets, may hold blanks and brackets itself.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{_boot()}-{fields[19]}"


@lru_cache(maxsize=1)
def _boot() -> str:
    # The start is counted from the boot.
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]


def _start_by_ps(pid: int) -> str | None:
    said = subprocess.run(  # noqa: S603  (a fixed program and a number)
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, env={"LC_ALL": "C", "TZ": "UTC"}, check=False
    ).stdout.split()
    return None if not said or said[0].startswith("Z") else "-".join(said[1:]).replace(":", ".")
