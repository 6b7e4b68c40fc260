"""Hooks before a transfer, and the log of what they answered.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "hooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("hook", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("failure_policy", sa.String(20), nullable=False),
        sa.Column("instrument_id", sa.Uuid()),
        sa.Column("pattern", sa.String(400)),
        sa.Column("config", _JSON, nullable=False),
        sa.Column("timeout_seconds", sa.Float(), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.CheckConstraint("kind IN ('pre_transfer')", name=op.f("ck_hooks_kind")),
        sa.CheckConstraint(
            "failure_policy IN ('block', 'warn')", name=op.f("ck_hooks_failure_policy")
        ),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instruments.id"],
            name=op.f("fk_hooks_instrument_id_instruments"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hooks")),
        sa.UniqueConstraint("name", name=op.f("uq_hooks_name")),
    )
    op.create_index(op.f("ix_hooks_instrument_id"), "hooks", ["instrument_id"])
    op.create_index(op.f("ix_hooks_kind_enabled"), "hooks", ["kind", "enabled"])
    op.create_table(
        "hook_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hook_id", sa.Uuid(), nullable=False),
        sa.Column("hook_revision", sa.Integer(), nullable=False),
        sa.Column("hook_version", sa.String(100), nullable=False),
        sa.Column("instrument_id", sa.Uuid(), nullable=False),
        sa.Column("source_file_id", sa.Uuid(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("facts", _JSON, nullable=False),
        sa.Column("answer", _JSON),
        sa.Column("duration_ms", sa.Float(), nullable=False),
        sa.Column("log", _JSON, nullable=False),
        sa.Column("error_code", sa.String(60)),
        sa.Column("error_detail", _TEXT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_runs")),
    )
    op.create_index(op.f("ix_hook_runs_hook_id_id"), "hook_runs", ["hook_id", "id"])
    op.create_index(op.f("ix_hook_runs_source_file_id_id"), "hook_runs", ["source_file_id", "id"])
    op.create_index(op.f("ix_hook_runs_at"), "hook_runs", ["at"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("hook_runs")
    op.drop_table("hooks")
