"""The journal's index begins with the playbook: a tick writes one playbook's lines together, into few of its pages instead of all."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("journal_of_account", "journal")
    op.create_index("journal_of_account", "journal", ["playbook", "account_id", "line"])


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
