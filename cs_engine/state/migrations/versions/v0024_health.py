"""How healthy accounts have been."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "health",
        _text("account_id"),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("score", sa.Double, nullable=True),
        *map(_text, ("band", "forced", "scores", "inputs")),
        sa.PrimaryKeyConstraint("account_id", "since", name="health_key"),
    )
    op.create_index("health_until", "health", ["until"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
