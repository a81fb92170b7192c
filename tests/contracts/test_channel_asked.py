"""`doctor` asks the vendors of the keys: what they may do is told with a mend, and who is not there is no failure."""

from __future__ import annotations

from cs_engine.channels.asked import sendgrid, slack
from tests.doubles.http import HANG, Answer
from tests.doubles.loopback import dead_port
from tests.doubles.sendgrid import API_KEY, SendgridDouble
from tests.doubles.slack import TOKEN, SlackDouble


def test_sendgrid_says_whether_the_key_may_send() -> None:
    with SendgridDouble() as double:
        assert sendgrid(API_KEY, double.base_url).good is True
        assert sendgrid("SG.other", double.base_url)[:2] == (False, "SendGrid does not know SENDGRID_API_KEY (401)")
        double.scopes = ["templates.read"]
        lacking = sendgrid(API_KEY, double.base_url)
        assert (lacking.good, "mail.send" in lacking.message, "Mail Send" in lacking.mend) == (False, True, True)
        double.always(Answer(503))
        assert sendgrid(API_KEY, double.base_url).good is None
        double.always(HANG)
        assert sendgrid(API_KEY, double.base_url, 0.2).message.endswith("no answer within 0.2 seconds")
        assert double.problems == []


def test_slack_says_whose_token_it_is_and_what_it_may_do() -> None:
    with SlackDouble() as double:
        assert slack(TOKEN, double.base_url)[:2] == (True, "SLACK_BOT_TOKEN is of the workspace Example and may post")
        assert slack("xoxb-other", double.base_url)[:2] == (False, "Slack refuses SLACK_BOT_TOKEN (invalid_auth)")
        double.scopes = "chat:write,im:history,im:write,channels:read"
        assert slack(TOKEN, double.base_url).message.endswith("it lacks channels:history, groups:history")
        double.scopes = "channels:read"
        assert slack(TOKEN, double.base_url)[:2] == (False, "SLACK_BOT_TOKEN may not post: it lacks the scope chat:write")
    assert slack(TOKEN, f"http://127.0.0.1:{dead_port()}/api/").message.endswith("no connection")
