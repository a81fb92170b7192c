"""What is on record of contacts' consent, and where people live: by that mail law asks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", _text("country"))
    for name in ("country", "consent", "consent_source"):
        op.add_column("contacts", _text(name))
    op.add_column("contacts", sa.Column("consent_at", sa.BigInteger, nullable=True))


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''"))


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
