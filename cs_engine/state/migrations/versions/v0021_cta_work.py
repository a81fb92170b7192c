"""What becomes of CTAs: snoozed, told in a digest, escalated; what people said of them and ticked off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("snoozed_until", "told_at", "escalated_at"):
        op.add_column("ctas", sa.Column(name, sa.BigInteger, nullable=True))
    for name in ("closed_by", "told"):
        op.add_column("ctas", sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("ctas", sa.Column("minutes", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.create_table(
        "cta_marks",
        sa.Column("cta_id", sa.Text, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "item", "value", "by")),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("cta_id", "opened_at", "kind", "item", name="cta_marks_key"),
    )


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
