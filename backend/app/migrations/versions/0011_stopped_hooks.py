"""A hook that asked to be asked no more says why, and since when.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_SORTED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("hooks") as table:
        table.add_column(sa.Column("stopped_reason", _SORTED, nullable=True))
        table.add_column(sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("hooks") as table:
        table.drop_column("stopped_at")
        table.drop_column("stopped_reason")
