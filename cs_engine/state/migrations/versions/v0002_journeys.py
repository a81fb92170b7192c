"""What journeys remember: who may enter again, whose timers stand still, who gets what in an experiment, what playbooks set, and who is
enrolled by hand.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("enrolments", sa.Column("held_since", sa.BigInteger, nullable=True))
    op.add_column("enrolments", sa.Column("repeats", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.add_column("enrolments", _flag("control"))
    op.add_column("enrolments", _flag("rearmed"))
    op.create_table(
        "assignments",
        *map(_text, ("experiment", "account_id", "arm")),
        sa.Column("assigned_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("experiment", "account_id", name="assignments_key"),
    )
    op.create_table(
        "account_values",
        *map(_text, ("account_id", "name", "value", "playbook")),
        sa.Column("set_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "account_id", name="account_values_key"),
    )
    op.create_table(
        "enrol_requests",
        *map(_text, ("playbook", "subject_id", "by")),
        sa.Column("requested_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("playbook", "subject_id", name="enrol_requests_key"),
    )
    op.create_table(
        "holdouts",
        _text("playbook"),
        sa.Column("share", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("playbook", name="holdouts_key"),
    )


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.text("false"))
