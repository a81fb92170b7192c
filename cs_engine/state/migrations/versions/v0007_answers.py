"""What people answer to the questions of steps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TEXTS = ("enrolment_id", "playbook", "account_id", "subject_id", "step", "field", "value", "by", "by_kind", "message_id")


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("line", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in _TEXTS),
        sa.Column("answered_at", sa.BigInteger, nullable=False),
    )
    op.create_index("answers_of_enrolment", "answers", ["enrolment_id", "step", "field", "line"])
    op.create_index("answers_of_playbook", "answers", ["playbook", "enrolment_id"])


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")
