"""Mails that wait for a yes, as they were read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("message_id", sa.Text, primary_key=True, nullable=False),
        *map(_text, ("playbook", "account_id", "subject_id", "enrolment_id", "step", "approver", "subject", "text", "html")),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("deadline", sa.BigInteger, nullable=False),
        sa.Column("escalated_at", sa.BigInteger, nullable=True),
        *map(_text, ("answer", "by")),
        sa.Column("answered_at", sa.BigInteger, nullable=True),
        _text("reason"),
    )
    waiting = sa.text("answer = 'waiting'")
    op.create_index("approvals_waiting", "approvals", ["asked_at"], sqlite_where=waiting, postgresql_where=waiting)


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)
