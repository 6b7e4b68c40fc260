"""What post-transfer hooks are to be asked, what they said, and what people say of files.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TIME = sa.DateTime(timezone=True)
_WAITING = sa.text("state = 'waiting'")


def _key(table: str, column: str, target: str, *, cascade: bool = False) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.id"], name=name, ondelete="CASCADE" if cascade else None
    )


def _tasks() -> None:
    op.create_table(
        "hook_tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hook_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("source_file_id", sa.Uuid(), nullable=False),
        sa.Column("instrument_id", sa.Uuid(), nullable=False),
        sa.Column("zone", sa.String(100), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("delays", sa.Integer(), nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("lease_owner", sa.String(200)),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("error_code", sa.String(60)),
        sa.Column("error_detail", _TEXT),
        sa.Column("created_at", _TIME, nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'done', 'failed')", name=op.f("ck_hook_tasks_state")
        ),
        _key("hook_tasks", "hook_id", "hooks", cascade=True),
        _key("hook_tasks", "version_id", "versions", cascade=True),
        _key("hook_tasks", "source_file_id", "source_files"),
        _key("hook_tasks", "instrument_id", "instruments", cascade=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_tasks")),
        sa.UniqueConstraint("hook_id", "version_id", name=op.f("uq_hook_tasks_hook_id_version_id")),
    )
    for column in ("version_id", "source_file_id", "instrument_id"):
        op.create_index(op.f(f"ix_hook_tasks_{column}"), "hook_tasks", [column])
    op.create_index(
        "ix_hook_tasks_waiting",
        "hook_tasks",
        ["hook_id", "id"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )


def _answers() -> None:
    op.create_table(
        "hook_answers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("source_file_id", sa.Uuid(), nullable=False),
        sa.Column("hook_id", sa.Uuid(), nullable=False),
        sa.Column("hook_name", _TEXT, nullable=False),
        sa.Column("hook_version", sa.String(100), nullable=False),
        sa.Column("hook_revision", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("fields", _JSON, nullable=False),
        sa.Column("tags", _JSON, nullable=False),
        sa.Column("access", _JSON, nullable=False),
        sa.Column("notices", _JSON, nullable=False),
        sa.Column("preview", _JSON),
        sa.Column("image", sa.LargeBinary()),
        _key("hook_answers", "version_id", "versions", cascade=True),
        _key("hook_answers", "source_file_id", "source_files"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_answers")),
        sa.UniqueConstraint(
            "version_id", "hook_id", name=op.f("uq_hook_answers_version_id_hook_id")
        ),
    )
    op.create_index(op.f("ix_hook_answers_source_file_id"), "hook_answers", ["source_file_id"])


def _people() -> None:
    op.create_table(
        "file_notes",
        sa.Column("source_file_id", sa.Uuid(), nullable=False),
        sa.Column("fields", _JSON, nullable=False),
        sa.Column("tags_added", _JSON, nullable=False),
        sa.Column("tags_removed", _JSON, nullable=False),
        sa.Column("edited_by", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        _key("file_notes", "source_file_id", "source_files"),
        sa.PrimaryKeyConstraint("source_file_id", name=op.f("pk_file_notes")),
    )
    op.create_table(
        "file_words",
        sa.Column("source_file_id", sa.Uuid(), nullable=False),
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("value", _TEXT, nullable=False),
        _key("file_words", "source_file_id", "source_files"),
        sa.PrimaryKeyConstraint("source_file_id", "key", "value", name=op.f("pk_file_words")),
    )
    op.create_index(
        op.f("ix_file_words_key_value_source_file_id"),
        "file_words",
        ["key", "value", "source_file_id"],
    )
    op.create_table(
        "file_grants",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("source_file_id", sa.Uuid(), nullable=False),
        sa.Column("hook_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        _key("file_grants", "user_id", "users", cascade=True),
        _key("file_grants", "source_file_id", "source_files"),
        sa.PrimaryKeyConstraint(
            "user_id", "source_file_id", "hook_id", name=op.f("pk_file_grants")
        ),
    )
    op.create_index(op.f("ix_file_grants_source_file_id"), "file_grants", ["source_file_id"])


def upgrade() -> None:
    """Apply."""
    _tasks()
    _answers()
    _people()
    op.add_column("hook_runs", sa.Column("version_id", sa.Uuid()))
    op.create_index(op.f("ix_hook_runs_instrument_id_id"), "hook_runs", ["instrument_id", "id"])


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_hook_runs_instrument_id_id"), "hook_runs")
    op.drop_column("hook_runs", "version_id")
    for table in ("file_grants", "file_words", "file_notes", "hook_answers", "hook_tasks"):
        op.drop_table(table)
