"""Caps count what people logged: touches by contact and by account."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("touches_of_contact", "touches", ["contact_id", "at"])
    op.create_index("touches_of_account", "touches", ["account_id", "at"])


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
