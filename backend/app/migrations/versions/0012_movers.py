"""Movers: which one brings an instrument's files, with what settings, and what it remembers.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
_BEFORE = "protocol IN ('smb', 'sftp', 's3', 'webdav', 'local')"
_AFTER = "protocol IN ('smb', 'sftp', 's3', 'webdav', 'local', 'rsync', 'globus', 'adapter')"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("instruments") as batch:
        batch.drop_constraint(op.f("ck_instruments_protocol"), type_="check")
        batch.create_check_constraint(op.f("ck_instruments_protocol"), _AFTER)
        batch.add_column(sa.Column("mover", sa.String(60), nullable=False, server_default=""))
        batch.add_column(
            sa.Column("mover_options", _JSON, nullable=False, server_default=sa.text("'{}'"))
        )
    with op.batch_alter_table("instruments") as batch:
        batch.alter_column("mover", server_default=None)
        batch.alter_column("mover_options", server_default=None)
    op.create_table(
        "mover_tasks",
        sa.Column("instrument_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("record", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instruments.id"],
            name=op.f("fk_mover_tasks_instrument_id_instruments"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("instrument_id", "key", name=op.f("pk_mover_tasks")),
    )


def downgrade() -> None:
    """Take back; an instrument of a newer protocol must be deleted before."""
    op.drop_table("mover_tasks")
    with op.batch_alter_table("instruments") as batch:
        batch.drop_constraint(op.f("ck_instruments_protocol"), type_="check")
        batch.create_check_constraint(op.f("ck_instruments_protocol"), _BEFORE)
        batch.drop_column("mover_options")
        batch.drop_column("mover")
