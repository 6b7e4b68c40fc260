"""The names of temporaries: no server minds them, and no earlier one is forgotten."""

import mimetypes
import uuid

from app.transfers.base import Target
from app.transfers.layout import temporary_name, temporary_of

INSTALLATION = "0123456789abcdef"
TARGET = Target(b"folder/large.tif", uuid.UUID(int=7), 3)


def test_a_temporary_has_no_extension_that_a_server_knows() -> None:
    name = temporary_name(INSTALLATION, TARGET).decode()
    assert name.startswith(".streamweave-")
    # Refused by Nextcloud and ownCloud, whatever stands before it.
    assert not name.endswith((".part", ".filepart"))
    assert mimetypes.guess_type(name) == (None, None)


def test_a_temporary_is_known_again_by_its_installation_alone() -> None:
    name = temporary_name(INSTALLATION, TARGET)
    assert temporary_of(name, INSTALLATION) == (TARGET.copy_id, 3)
    assert temporary_of(name, "fedcba98") is None
    assert temporary_of(name + b"s", INSTALLATION) is None


def test_what_an_earlier_version_left_is_swept() -> None:
    name = f".streamweave-{INSTALLATION[:8]}-{TARGET.copy_id.hex}-3.part".encode()
    assert temporary_of(name, INSTALLATION) == (TARGET.copy_id, 3)
