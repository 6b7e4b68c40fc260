"""Progress of files that take long, and what people prefer.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "copy_progress",
        sa.Column("copy_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("received_bytes", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("copy_id", name=op.f("pk_copy_progress")),
    )
    op.add_column(
        "users", sa.Column("preferences", _JSON, nullable=False, server_default=sa.text("'{}'"))
    )
    with op.batch_alter_table("users") as batch:
        batch.alter_column("preferences", server_default=None)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("users") as batch:
        batch.drop_column("preferences")
    op.drop_table("copy_progress")
