"""When milestones became known, beside when they were reached, and what their conditions named then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("milestones", sa.Column("known_at", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("milestones", sa.Column("seen", sa.Text, nullable=False, server_default=sa.text("''")))
    # Until now the two were the same.
    op.execute("UPDATE milestones SET known_at = reached_at")


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
