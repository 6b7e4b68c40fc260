"""What ssh logs on with is in nobody's reach, and on no disk where that can be had."""

import os
import stat
from pathlib import Path

from app.transfers import ssh_program


def test_a_secret_is_private_in_memory_and_gone_at_the_end() -> None:
    with ssh_program.private_folder() as name:
        folder = Path(name)
        ssh_program.write_secret(folder, "s3cret", "password")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
        if os.access("/dev/shm", os.W_OK) and not os.statvfs("/dev/shm").f_flag & os.ST_NOEXEC:
            assert folder.is_relative_to("/dev/shm")
    assert not folder.exists()
