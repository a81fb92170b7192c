"""Up to when messages were bared of what is not kept of old ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("forgotten", sa.Column("what", sa.Text, primary_key=True), sa.Column("before", sa.BigInteger, nullable=False))


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
