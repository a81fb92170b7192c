"""What calls said of accounts and contacts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profiles",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "id", "account_id", "traits")),
        sa.Column("said_at", sa.BigInteger, nullable=False),
        sa.Column("learned_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "id"),
    )
    op.add_column("collector", sa.Column("profiles", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    where = sa.text("account_id = ''")
    op.create_index("collected_unplaced", "collected", ["contact_id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
