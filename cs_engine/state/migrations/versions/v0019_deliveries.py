"""What became of messages after they were taken: they arrived, came back, were complained of, opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("message_id", sa.Text, primary_key=True, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("state", "reason")),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("delivered_at", sa.BigInteger, nullable=True),
        sa.Column("complained_at", sa.BigInteger, nullable=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("opens", "clicks", "machine_opens", "machine_clicks")),
        sa.Column("came_back", sa.BigInteger, nullable=True),
        sqlite_with_rowid=False,
    )
    _partial("deliveries_failed", "state = 'blocked' OR state = 'dropped' OR state = 'bounced'")
    _partial("deliveries_came_back", "came_back = 0")


def _partial(name: str, where: str) -> None:
    op.create_index(name, "deliveries", ["message_id"], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
