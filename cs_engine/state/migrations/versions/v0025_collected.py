"""What the collector takes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_NAMES = ("message_id", "kind", "account_id", "contact_id", "anonymous_id", "event")


def upgrade() -> None:
    op.create_table(
        "collected",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in _NAMES),
        sa.Column("occurred_at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("properties", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("collected_once", "collected", ["message_id"], unique=True)
    op.create_table(
        "collector",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("edition", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.CheckConstraint("id = 1", name="collector_one_row"),
    )


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
