"""When a message was sent, for the caps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("sent_at", sa.BigInteger, nullable=True))
    # Of those sent before, the tick that settled them is the nearest that is known.
    op.execute("UPDATE messages SET sent_at = coalesce(settled_at, moved_at) WHERE state IN ('accepted', 'dispatching', 'uncertain')")
    for name, column in (("messages_sent_to", "recipient"), ("messages_sent_to_account", "account_id")):
        op.create_index(
            name,
            "messages",
            [column, "sent_at"],
            sqlite_where=sa.text("sent_at IS NOT NULL"),
            postgresql_where=sa.text("sent_at IS NOT NULL"),
        )


def downgrade() -> None:
    for name in ("messages_sent_to", "messages_sent_to_account"):
        op.drop_index(name, "messages")
    op.drop_column("messages", "sent_at")
