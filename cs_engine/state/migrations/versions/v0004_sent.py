"""When a message was sent, for the caps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INDEXES = {
    "messages_sent_to": ["recipient", "sent_at"],
    "messages_sent_to_account": ["account_id", "sent_at"],
    "messages_sent": ["sent_at"],
}


def upgrade() -> None:
    op.add_column("messages", sa.Column("sent_at", sa.BigInteger, nullable=True))
    # Of those sent before, the tick that settled them is the nearest that is known.
    op.execute("UPDATE messages SET sent_at = coalesce(settled_at, moved_at) WHERE state IN ('accepted', 'dispatching', 'uncertain')")
    for name, columns in _INDEXES.items():
        op.create_index(
            name,
            "messages",
            columns,
            sqlite_where=sa.text("sent_at IS NOT NULL"),
            postgresql_where=sa.text("sent_at IS NOT NULL"),
        )


def downgrade() -> None:
    for name in _INDEXES:
        op.drop_index(name, "messages")
    op.drop_column("messages", "sent_at")
