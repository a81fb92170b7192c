"""What was seen last of the values that playbooks watch, and how they changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "watched",
        *map(_text, ("name", "subject_id", "value")),
        sa.PrimaryKeyConstraint("name", "subject_id", name="watched_key"),
    )
    op.create_table(
        "changes",
        *map(_text, ("name", "subject_id")),
        sa.Column("at", sa.BigInteger, nullable=False),
        *map(_text, ("was", "became")),
        sa.PrimaryKeyConstraint("name", "at", "subject_id", name="changes_key"),
    )


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)
