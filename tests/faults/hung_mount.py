"""A file system that never answers: a FUSE mount whose daemon reads no request."""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def hung(folder: Path) -> Iterator[None]:
    """Hang a folder as a server that is gone does; afterwards all calls to it come back."""
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"no FUSE here: {error}")
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    try:
        if _libc.mount(b"hung", os.fsencode(folder), b"fuse.hung", 0, options) != 0:
            pytest.skip(f"no mounting here: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            _libc.umount2(os.fsencode(folder), _DETACH)
    finally:
        os.close(device)  # with it the kernel gives all waiting calls up
