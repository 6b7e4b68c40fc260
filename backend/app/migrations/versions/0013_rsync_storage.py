"""Storage behind an rsync daemon.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_BEFORE = "kind IN ('posix', 'nfs', 'cifs', 's3', 'sftp', 'webdav')"
_AFTER = "kind IN ('posix', 'nfs', 'cifs', 's3', 'sftp', 'webdav', 'rsync')"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("storage_locations") as batch:
        batch.drop_constraint(op.f("ck_storage_locations_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_storage_locations_kind"), _AFTER)


def downgrade() -> None:
    """Take back; a storage location of the new kind must be deleted before."""
    with op.batch_alter_table("storage_locations") as batch:
        batch.drop_constraint(op.f("ck_storage_locations_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_storage_locations_kind"), _BEFORE)
