"""Contacts by their address: one person may be several."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    known = sa.text("email_hash <> ''")
    op.create_index("contacts_of_address", "contacts", ["email_hash", "id"], sqlite_where=known, postgresql_where=known)


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
