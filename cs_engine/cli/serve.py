"""`cs-engine serve`."""

from __future__ import annotations

from contextlib import ExitStack

import click


@click.command("serve", epilog="\b\nExamples:\n  cs-engine serve\n  cs-engine serve --host 0.0.0.0 --port 8080")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 is everywhere, behind a proxy that speaks https."
)
@click.option("--port", default=8321, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
def command(host: str, port: int) -> None:
    """The web: the pages on which customers answer, unsubscribe and choose, what Slack and SendGrid call, and the collector of usage, whose
    events start playbooks within seconds; so is what is pressed in Slack carried out. Ends with Ctrl-C.

    CS_ENGINE_BASE_URL says where customers reach it; the links in mails begin with that.
    """
    from cs_engine import settings
    from cs_engine.cli.show import say
    from cs_engine.web.house import house
    from cs_engine.web.server import WebServer, listening
    from cs_engine.web.warm import Warm

    warm = Warm(settings.load(), say)
    with house(arrived=warm.wake, pressed=warm.press) as found, ExitStack() as stack:
        bound = listening(host, port)
        if found.warm:
            stack.enter_context(warm)
        server = WebServer(found, bound)
        click.echo(
            f"Serving {found.project.config.name} at {server.url}; links in mails begin with {found.links.base_url}. Ctrl-C ends it."
        )
        server.run()
