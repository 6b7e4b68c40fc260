"""Owner, group and mode of what a storage writes, set before anything is published."""

import grp
import os
import pwd
from dataclasses import dataclass

from app.errors import StreamWeaveError


@dataclass(frozen=True, slots=True)
class Ownership:
    """Numbers or names of owner and group, and modes; None: as the system makes them."""

    owner: int | str | None = None
    group: int | str | None = None
    file_mode: int | None = None
    folder_mode: int | None = None

    def check(self) -> None:
        """Raise `storage_permission_denied` for names that this machine does not know."""
        self._numbers()

    def of_file(self, descriptor: int) -> None:
        """Apply it to an open file."""
        self._apply(descriptor, self.file_mode)

    def of_folder(self, descriptor: int) -> None:
        """Apply it to an open directory."""
        self._apply(descriptor, self.folder_mode)

    def _apply(self, descriptor: int, mode: int | None) -> None:
        if self.owner is not None or self.group is not None:
            os.fchown(descriptor, *self._numbers())
        if mode is not None:  # after the owner, since a change of that takes bits away
            os.fchmod(descriptor, mode)

    def _numbers(self) -> tuple[int, int]:
        try:
            owner = pwd.getpwnam(self.owner).pw_uid if isinstance(self.owner, str) else self.owner
            group = grp.getgrnam(self.group).gr_gid if isinstance(self.group, str) else self.group
        except KeyError as error:
            raise StreamWeaveError(
                "storage_permission_denied", f"This machine does not know it: {error}"
            ) from error
        return -1 if owner is None else owner, -1 if group is None else group
