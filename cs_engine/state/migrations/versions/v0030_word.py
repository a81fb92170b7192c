"""Since when a milestone counts, which hangs on the customer's word where it is asked for; and what that was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("milestones", sa.Column("counts_at", sa.BigInteger))
    op.add_column("milestones", sa.Column("word", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("milestones", sa.Column("word_at", sa.BigInteger))
    op.add_column("milestones", sa.Column("word_in", sa.Text, nullable=False, server_default=sa.text("''")))
    # Until now nobody was asked: what a tick had seen counted.
    op.execute("UPDATE milestones SET counts_at = known_at")
    where = sa.text("counts_at IS NULL")
    op.create_index("milestones_waiting", "milestones", ["milestone", "word"], sqlite_where=where, postgresql_where=where)
    op.add_column("milestone_definitions", sa.Column("asks", sa.Boolean, nullable=False, server_default=sa.text("false")))


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
