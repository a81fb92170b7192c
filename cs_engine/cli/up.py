"""`cs-engine up`."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from types import FrameType

import click

from cs_engine.cli.show import Span, say, say_away
from cs_engine.errors import CsEngineError

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command("up", epilog="\b\nExamples:\n  cs-engine up\n  cs-engine up --port 8080 --every 1h")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the web listens.")
@click.option("--port", default=8321, show_default=True, type=click.IntRange(0, 65535), help="Its port; 0 takes a free one.")
@click.option("--every", type=Span(), default="15m", show_default=True, help="From tick to tick: 15m, 1h.")
def command(host: str, port: int, every: timedelta) -> None:
    """Everything on one machine: a Prefect server (unless PREFECT_API_URL names one), a tick now and on its schedule, and the web.

    Ctrl-C, or SIGTERM, ends it cleanly: a tick that is under way is finished first.
    """
    from cs_engine import settings as settings_module
    from cs_engine.channels.mailbox import mailbox_folder
    from cs_engine.prefect_server import embedded_server
    from cs_engine.web.house import house
    from cs_engine.web.server import WebServer, listening
    from cs_engine.web.warm import Warm

    settings = settings_module.load()
    root, turn = settings.root, threading.Lock()
    warm = Warm(settings, say, turn)
    with ExitStack() as stack:
        ending, found = stack.enter_context(_ending()), stack.enter_context(house(arrived=warm.wake, pressed=warm.press))
        web = stack.enter_context(WebServer(found, listening(host, port)))
        if found.warm:
            stack.enter_context(warm)
        click.echo(f"Web          {web.url}   (customers' pages; links in mails begin with {found.links.base_url})")
        click.echo(f"Mailbox      {mailbox_folder(root)}")
        say("Starting Prefect (10 to 40 s) ...")
        server = embedded_server(root)
        server.start()
        try:
            from cs_engine.prefect_flows import staying_server

            with staying_server(server) as api:
                click.echo(f"Prefect      {api}")
                click.echo(f"Ticks        now, and every {_said(every)}. Ctrl-C ends it.")
                while not ending.asked.is_set():
                    with ending.after_this(), turn:
                        _tick()
                    ending.asked.wait(_until_next(every))
        finally:
            server.stop()


class _Ending:
    """When to end: at once, but for a tick, which is finished first. Asked a second time, at once all the same."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._busy = False

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        again = self.asked.is_set()
        self.asked.set()
        if again or not self._busy:
            raise _Ended

    @contextmanager
    def after_this(self) -> Iterator[None]:
        self._busy = True
        try:
            yield
        finally:
            self._busy = False


class _Ended(BaseException):
    """We were told to end."""


@contextmanager
def _ending() -> Iterator[_Ending]:
    """Within it both signals end what runs, and leave by its end; that is no failure."""
    ending = _Ending()
    before = {number: signal.signal(number, ending.ask) for number in _SIGNALS}
    try:
        yield ending
    except _Ended:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    say("Ended: nothing of it runs any more.")


def _tick() -> None:
    """One tick over what is due, on the playbooks and sources as they are now. Whatever fails is said; the next tick comes."""
    from cs_engine.prefect_flows import engine_in_use, tick_through_prefect
    from cs_engine.wiring import assemble

    try:
        with assemble() as assembled:
            say_away(assembled.refresh())
            with engine_in_use(assembled.engine):
                report = tick_through_prefect(assembled.engine.wall.now(), None, ())
    except CsEngineError as error:
        say(f"no tick: {error}")
    except Exception as error:  # noqa: BLE001 - its text may quote a customer's data
        say(f"no tick: {type(error).__name__}; CS_ENGINE_DEBUG=1 cs-engine run says more")
    else:
        moved = sum(playbook.entered + playbook.advanced for playbook in report.playbooks.values())
        did = f"{len(report.playbooks)} playbooks, {moved} moved, {report.delivery['accepted']} messages sent"
        click.echo(f"{report.now:%Y-%m-%d %H:%M:%S}Z  {did}")
        for failure in report.failures:
            say(f"failed, the rest went on: {failure}")


def _said(span: timedelta) -> str:
    """`15 minutes`, in the largest unit that it is whole in."""
    seconds = int(span.total_seconds())
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds % size == 0), (1, "second"))
    return f"{seconds // size} {unit}{'' if seconds == size else 's'}"


def _until_next(every: timedelta) -> float:
    """Seconds until the next multiple of `every`, by the clock: quarter past, half past, …"""
    seconds = every.total_seconds()
    return seconds - time.time() % seconds
