"""Words of file names, and indexes for what people look for.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_WORD = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
_UNPLANNED = sa.text("state IN ('held', 'skipped', 'refused')")
_FAILING = sa.text("error_code IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "name_words",
        sa.Column("instrument_id", sa.Uuid(), nullable=False),
        sa.Column("word", _WORD, nullable=False),
        sa.Column("source_file_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint(
            "instrument_id", "word", "source_file_id", name=op.f("pk_name_words")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unindexed_names",
        sa.Column("source_file_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_file_id"],
            ["source_files.id"],
            name=op.f("fk_unindexed_names_source_file_id_source_files"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("source_file_id", name=op.f("pk_unindexed_names")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_source_files_unplanned",
        "source_files",
        ["state", "id"],
        sqlite_where=_UNPLANNED,
        postgresql_where=_UNPLANNED,
    )
    for table in ("source_files", "copies"):
        op.create_index(f"ix_{table}_instrument_id_id", table, ["instrument_id", "id"])
    op.create_index(
        "ix_source_files_path_start", "source_files", [sa.text("substr(path, 1, 200)"), "id"]
    )
    op.create_index(
        "ix_copies_failing",
        "copies",
        ["error_code", "id"],
        sqlite_where=_FAILING,
        postgresql_where=_FAILING,
    )
    # The words of files that are here already are written in the background, like those of new ones.
    op.execute("INSERT INTO unindexed_names (source_file_id) SELECT id FROM source_files")


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_copies_failing", table_name="copies")
    for table in ("source_files", "copies"):
        op.drop_index(f"ix_{table}_instrument_id_id", table_name=table)
    op.drop_index("ix_source_files_path_start", table_name="source_files")
    op.drop_index("ix_source_files_unplanned", table_name="source_files")
    op.drop_table("unindexed_names")
    op.drop_table("name_words")
