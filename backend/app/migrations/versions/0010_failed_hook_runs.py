"""Failed answers of hooks are found without a walk through the log.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_FAILED = sa.text("outcome = 'failed'")


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_hook_runs_failed", "hook_runs", ["id"], sqlite_where=_FAILED, postgresql_where=_FAILED
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_hook_runs_failed", "hook_runs")
