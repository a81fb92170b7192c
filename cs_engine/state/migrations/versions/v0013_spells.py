"""Since when, and until when, conditions that held(…) asks of were true."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "spells",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "subject_id")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("since", "until")),
        sa.PrimaryKeyConstraint("name", "subject_id", "since", name="spells_key"),
    )
    op.create_index("spells_until", "spells", ["until"])


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
