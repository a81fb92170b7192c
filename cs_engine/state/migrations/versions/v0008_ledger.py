"""The ledger of over-contact: touches that people log, reactions, and contacts that our persistence has lost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "touches",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        *map(_text, ("account_id", "contact_id", "kind", "by")),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("touches_at", "touches", ["at"])
    op.create_table(
        "reactions",
        *map(_text, ("account_id", "contact_id", "kind")),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "contact_id", "kind", "at", name="reactions_key"),
    )
    op.create_index("reactions_at", "reactions", ["at"])
    op.create_table(
        "losses",
        *map(_text, ("contact_id", "account_id", "playbook", "csm")),
        sa.Column("lost_at", sa.BigInteger, nullable=False),
        sa.Column("regained_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("contact_id", "lost_at", name="losses_key"),
    )


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)
