"""What stands about playbooks (pauses), how often they failed, and the alarms that tell of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "standing_orders",
        *map(_text, ("playbook", "account_id", "kind")),
        sa.Column("at", sa.BigInteger, nullable=False),
        *map(_text, ("by", "reason", "value")),
        sa.PrimaryKeyConstraint("playbook", "account_id", "kind", name="standing_orders_key"),
    )
    op.create_table(
        "failures",
        _text("playbook"),
        sa.Column("at", sa.BigInteger, nullable=False),
        *map(_text, ("step", "what", "reason")),
        sa.Column("n", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("playbook", "at", "step", "what", "reason", name="failures_key"),
    )
    op.create_table("alarms", _text("id"), _text("text"), sa.PrimaryKeyConstraint("id", name="alarms_key"))


def downgrade() -> None:
    raise NotImplementedError("a schema is only ever upgraded")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)
