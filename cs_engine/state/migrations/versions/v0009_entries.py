"""What was kept of passages when they began: of the event that did, for those that ask for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_at_entry",
        sa.Column("enrolment_id", sa.Text, nullable=False),
        sa.Column("kept", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("enrolment_id", name="kept_at_entry_key"),
    )


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
