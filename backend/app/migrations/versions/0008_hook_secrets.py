"""Hooks after a transfer, and secrets in configurations.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("hooks") as batch:
        batch.drop_constraint(op.f("ck_hooks_kind"), type_="check")
        batch.create_check_constraint(
            op.f("ck_hooks_kind"), "kind IN ('pre_transfer', 'post_transfer')"
        )
        batch.add_column(
            sa.Column("secrets", _JSON, nullable=False, server_default=sa.text("'{}'"))
        )
    with op.batch_alter_table("hooks") as batch:
        batch.alter_column("secrets", server_default=None)


def downgrade() -> None:
    """Take back; hooks after a transfer go, since the older code cannot read them."""
    op.execute("DELETE FROM hooks WHERE kind = 'post_transfer'")
    with op.batch_alter_table("hooks") as batch:
        batch.drop_constraint(op.f("ck_hooks_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_hooks_kind"), "kind IN ('pre_transfer')")
        batch.drop_column("secrets")
