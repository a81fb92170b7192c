"""What channels are given in their contracts."""

from __future__ import annotations

from datetime import UTC, datetime

from cs_engine.ports import Call, Letter, Person, Post

LETTER = Letter(
    id="msg_1",
    sender=Person("csm@vendor.example", "Mika Sato"),
    reply_to=Person("mika@vendor.example", "Mika Sato"),
    to=Person("ann@customer.example", "Ann"),
    subject="Welcome",
    text="Hello Ann\n",
    html="<p>Hello Ann</p>\n",
    headers={"List-Unsubscribe": "<mailto:unsubscribe@vendor.example?subject=unsubscribe>"},
    topic="onboarding",
    playbook="onboarding-self-serve",
    step="welcome",
    at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
)
POST = Post(
    id="msg_1", channel="C0SUCCESS", text="Acme went quiet", blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "Acme"}}]
)
CALL = Call(id="msg_1", url="https://hooks.customer.example/cs", said={"id": "msg_1", "text": "Welcome"})
