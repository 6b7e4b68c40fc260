"""Storage of every kind: address, account, state, bounds; path templates; copies that follow.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
_KIND = "kind IN ('posix', 'nfs', 'cifs', 's3', 'sftp', 'webdav')"
_STATE = "state IN ('active', 'draining', 'retired')"
_COLUMNS = (
    sa.Column("host", sa.String(400)),
    sa.Column("port", sa.Integer()),
    sa.Column("url", sa.String(2000)),
    sa.Column("host_key", sa.String(2000)),
    sa.Column("options", _JSON, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("service_account_id", sa.Uuid()),
    sa.Column("generation", sa.Integer(), nullable=False, server_default="1"),
    sa.Column("state", sa.String(20), nullable=False, server_default="active"),
    sa.Column("keep_free_bytes", sa.BigInteger(), nullable=False, server_default="0"),
    sa.Column("quota_bytes", sa.BigInteger()),
)
_DEFAULTED = ("options", "generation", "state", "keep_free_bytes")


def _column(column: sa.Column) -> sa.Column:
    return sa.Column(
        column.name, column.type, nullable=column.nullable, server_default=column.server_default
    )


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("storage_locations") as batch:
        batch.drop_constraint(op.f("ck_storage_locations_kind"), type_="check")
        for column in _COLUMNS:
            batch.add_column(_column(column))
        batch.create_check_constraint(op.f("ck_storage_locations_kind"), _KIND)
        batch.create_check_constraint(op.f("ck_storage_locations_state"), _STATE)
        batch.create_foreign_key(
            op.f("fk_storage_locations_service_account_id_service_accounts"),
            "service_accounts",
            ["service_account_id"],
            ["id"],
        )
        batch.create_index(op.f("ix_storage_locations_service_account_id"), ["service_account_id"])
    with op.batch_alter_table("storage_locations") as batch:
        for name in _DEFAULTED:
            batch.alter_column(name, server_default=None)
    op.add_column("instrument_storage", sa.Column("template", sa.String(400)))
    op.add_column("instrument_storage", sa.Column("backfill_after", sa.Uuid()))
    op.add_column(
        "instrument_storage",
        sa.Column("backfill_pending", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    with op.batch_alter_table("instrument_storage") as batch:
        batch.alter_column("backfill_pending", server_default=None)
    op.add_column("copies", sa.Column("follows", sa.Uuid()))
    op.create_index(
        "ix_copies_following",
        "copies",
        ["follows", "due_at", "id"],
        sqlite_where=sa.text("follows IS NOT NULL"),
        postgresql_where=sa.text("follows IS NOT NULL"),
    )


def downgrade() -> None:
    """Take back; refuses while a storage location is of a kind that the older code cannot read."""
    bind = op.get_bind()
    newer = bind.execute(
        sa.text("SELECT count(*) FROM storage_locations WHERE kind <> 'posix'")
    ).scalar()
    if newer:
        raise RuntimeError(
            f"{newer} storage locations are not POSIX: the older code has no others."
        )
    op.drop_index("ix_copies_following", "copies")
    op.drop_column("copies", "follows")
    with op.batch_alter_table("instrument_storage") as batch:
        for name in ("backfill_pending", "backfill_after", "template"):
            batch.drop_column(name)
    with op.batch_alter_table("storage_locations") as batch:
        batch.drop_index(op.f("ix_storage_locations_service_account_id"))
        batch.drop_constraint(
            op.f("fk_storage_locations_service_account_id_service_accounts"), type_="foreignkey"
        )
        for name in ("kind", "state"):
            batch.drop_constraint(op.f(f"ck_storage_locations_{name}"), type_="check")
        for column in reversed(_COLUMNS):
            batch.drop_column(column.name)
        batch.create_check_constraint(op.f("ck_storage_locations_kind"), "kind IN ('posix')")
