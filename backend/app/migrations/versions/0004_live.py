"""Kept numbers for the page: cursors of the outbox, hourly tallies, storage samples, troubles.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TROUBLED = sa.text("state IN ('failed', 'conflict', 'damaged', 'missing')")
_COUNTS = ("files", "file_bytes", "copies", "copy_bytes", "failures")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "outbox_cursors",
        sa.Column("consumer", sa.String(length=60), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_outbox_cursors")),
    )
    op.create_table(
        "hourly_tallies",
        sa.Column("instrument_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instruments.id"],
            name=op.f("fk_hourly_tallies_instrument_id_instruments"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("instrument_id", "hour", name=op.f("pk_hourly_tallies")),
    )
    op.create_index(op.f("ix_hourly_tallies_hour"), "hourly_tallies", ["hour"])
    op.create_table(
        "storage_samples",
        sa.Column("storage_location_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("free_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["storage_location_id"],
            ["storage_locations.id"],
            name=op.f("fk_storage_samples_storage_location_id_storage_locations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("storage_location_id", "hour", name=op.f("pk_storage_samples")),
    )
    op.create_index(
        "ix_copies_troubled",
        "copies",
        ["instrument_id", "state", "id"],
        sqlite_where=_TROUBLED,
        postgresql_where=_TROUBLED,
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_copies_troubled", table_name="copies")
    op.drop_table("storage_samples")
    op.drop_index(op.f("ix_hourly_tallies_hour"), table_name="hourly_tallies")
    op.drop_table("hourly_tallies")
    op.drop_table("outbox_cursors")
