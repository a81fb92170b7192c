"""How the vendors of the ways out fare: the breakers that all who deliver share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "breakers",
        sa.Column("way", sa.Text, primary_key=True, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default=sa.text("'closed'")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("since", "until")),
        sa.Column("reason", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("began", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("failed", "answered")),
        sa.Column("revision", sa.Integer, nullable=False, server_default=sa.text("0")),
    )


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
