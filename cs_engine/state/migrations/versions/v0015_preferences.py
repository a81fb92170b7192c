"""What people want to get by mail, topic by topic, and all that they ever said of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "preferences",
        *_word(),
        sa.PrimaryKeyConstraint("email_hash", "topic", name="preferences_key"),
        sa.CheckConstraint("state = 'wanted' OR state = 'refused'", name="preferences_state_known"),
    )
    op.create_table(
        "consents",
        sa.Column("line", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        *_word(),
    )
    op.create_index("consents_of", "consents", ["email_hash"])


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")


def _word() -> list[sa.Column[str] | sa.Column[int]]:
    texts = [sa.Column(name, sa.Text, nullable=False) for name in ("email_hash", "topic", "state", "source")]
    return [*texts, sa.Column("at", sa.BigInteger, nullable=False)]
