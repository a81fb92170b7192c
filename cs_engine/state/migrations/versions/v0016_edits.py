"""What somebody of us wrote in the place of one passage's next mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "edits",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("enrolment_id", "step")),
        sa.Column("round", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("subject", "text")),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("by", "reason")),
        sa.PrimaryKeyConstraint("enrolment_id", "step", name="edits_key"),
    )


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
