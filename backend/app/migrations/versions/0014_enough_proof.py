"""A storage policy says where a read-back must come from to be proof enough.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("instrument_storage") as batch:
        batch.add_column(sa.Column("enough", _JSON, nullable=True))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("instrument_storage") as batch:
        batch.drop_column("enough")
