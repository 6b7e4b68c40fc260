"""Downloads that go on where they stopped, and count only when the hash is right."""

import base64
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import httpx

from streamweave_sdk.client import ApiProblem, Client, ServerUnreachable

_CHUNK = 1 << 20
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")
_TRIES = 5


@dataclass(frozen=True)
class Downloaded:
    """A file that is here, whole and checked. Sizes in bytes."""

    path: Path
    size_bytes: int
    sha256: str
    resumed_at: int


def download(client: Client, file_id: str, target: Path, version: int | None = None) -> Downloaded:
    """Fetch a file's proven content to a path that must be free.

    The bytes go to `<name>.part` beside it, with the hash that they must have in its name, so
    that a later call goes on with them; they get their name when the hash is right.

    Raises:
        ApiProblem: what the server said; `read_back_mismatch` when the bytes are not those.
        FileExistsError: something stands at the path.
        ServerUnreachable: the connection broke again and again; what came stays for the next call.
    """
    if target.exists():
        raise FileExistsError(f"{target} exists already.")
    target.parent.mkdir(parents=True, exist_ok=True)
    where = f"files/{file_id}/content"
    params = {"version": version} if version else {}
    sha256, size = _facts(client, where, params)
    part = target.with_name(f".{target.name[:180]}.{sha256[:16]}.part")
    resumed_at = part.stat().st_size if part.exists() else 0
    for tried in range(_TRIES):
        try:
            _fetch(client, where, params, part, (sha256, size))
            break
        except (httpx.TransportError, ServerUnreachable) as error:
            if tried == _TRIES - 1:
                raise ServerUnreachable(f"The connection broke {_TRIES} times.") from error
    _check(part, sha256)
    try:
        os.link(part, target)  # fails if something came to stand there meanwhile
    finally:
        if target.exists() and part.exists() and target.samefile(part):
            part.unlink()
    return Downloaded(target, size, sha256, min(resumed_at, size))


def _facts(client: Client, where: str, params: dict[str, int]) -> tuple[str, int]:
    """Ask for one byte: the answer tells hash and size."""
    try:
        answer = client.request("GET", where, params=params, headers={"Range": "bytes=0-0"})
    except ApiProblem as problem:
        if problem.code != "range_not_satisfiable":
            raise
        answer = client.request("GET", where, params=params)  # it is empty
    told = _DIGEST.search(answer.headers.get("Repr-Digest", ""))
    if told is None:
        raise ApiProblem(502, {"code": "internal_error", "detail": "The server told no hash."})
    size = answer.headers.get("Content-Range", "").rpartition("/")[2] or len(answer.content)
    return base64.b64decode(told[1]).hex(), int(size)


def _fetch(
    client: Client, where: str, params: dict[str, int], part: Path, wanted: tuple[str, int]
) -> None:
    sha256, size = wanted
    with part.open("ab") as file:
        have = file.tell()
        if have > size:
            file.truncate(0)
            have = 0
        if have == size:
            return
        headers = {"Range": f"bytes={have}-", "If-Range": f'"{sha256}"'}
        with client.stream("GET", where, params=params, headers=headers) as answer:
            if answer.status_code != 206 and have:
                file.truncate(0)  # another version is there by now: its hash will tell
            for chunk in answer.iter_bytes(_CHUNK):
                file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _check(part: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        part.unlink()
        detail = f"The bytes have SHA-256 {digest.hexdigest()}, not {sha256}; they were removed."
        raise ApiProblem(
            502, {"code": "read_back_mismatch", "detail": detail, "remedy": "Try it again."}
        )
