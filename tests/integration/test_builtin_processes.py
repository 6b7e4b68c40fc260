"""Hooks that come with StreamWeave in their own processes: bounded memory, bytes over a pipe."""

import base64
import io
import os
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import nmrglue
import numpy as np
import pytest
import tifffile

from app.hooks.runner import Answered, HookRunner, HookSpec
from streamweave_sdk.testing import a_version
from tests.integration.receiver import LOOPBACK, receiving
from tests.unit.microscope_files import dm3
from tests.unit.test_bruker_metadata import ACQUS
from tests.unit.test_hdf5_metadata import nexus
from tests.unit.test_mzml_metadata import mzml

RAMP = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)


@pytest.fixture
async def runner() -> AsyncIterator[HookRunner]:
    runner = HookRunner(None)
    yield runner
    await runner.close()


async def ask(
    runner: HookRunner,
    hook: str,
    path: str,
    content: bytes,
    config: Mapping[str, Any] | None = None,
    neighbours: Mapping[str, bytes] | None = None,
    folder: Path | None = None,
) -> Answered:
    """Ask a hook about a version; serve its reader as the worker does."""

    async def serve(call: dict[str, Any]) -> dict[str, Any]:
        if "read" in call:
            piece = content[call["read"] : call["read"] + call["size_bytes"]]
            return {"data": base64.b64encode(piece).decode()}
        if "neighbour" in call:
            found = (neighbours or {}).get(call["neighbour"])
            return {"data": None if found is None else base64.b64encode(found).decode()}
        assert folder is not None
        (folder / "local").write_bytes(content)
        return {"path": str(folder / "local")}

    version = a_version(path, size_bytes=len(content)).model_dump(mode="json")
    spec = HookSpec(uuid.uuid4(), 1, hook, dict(config or {}), timeout_seconds=60)
    return await runner.ask_version(spec, version, serve)


def _tiff() -> bytes:
    target = io.BytesIO()
    tifffile.imwrite(target, RAMP, compression="zlib")
    return target.getvalue()


async def test_each_extractor_works_within_the_bounds_of_a_process(
    runner: HookRunner, tmp_path: Path
) -> None:
    points = np.exp(2j * np.pi * np.arange(512) / 16) * 1e6
    nmrglue.bruker.write(str(tmp_path / "nmr"), {"acqus": {**ACQUS, "TD": 1024}}, points,
                         bin_file="fid", write_prog=False)  # fmt: skip
    acqus = {"a/acqus": (tmp_path / "nmr" / "acqus").read_bytes()}
    files = {
        "hdf5-metadata": ("a/x.nxs", nexus(RAMP)),
        "image-metadata": ("a/x.tif", _tiff()),
        "bruker-metadata": ("a/fid", (tmp_path / "nmr" / "fid").read_bytes()),
        "mzml-metadata": ("a/x.mzML", mzml([1, 2, 1])),
        "microscopy-metadata": ("a/x.dm3", dm3(RAMP)),
    }
    for hook, (path, content) in files.items():
        told = await ask(runner, hook, path, content, neighbours=acqus, folder=tmp_path)
        assert told.error is None, f"{hook}: {told.error and told.error.detail}"
        assert told.answer is not None
        assert told.answer["metadata"], hook
        assert told.answer["preview"] is not None, hook
        broken = await ask(runner, hook, path, b"junk" * 300, neighbours=acqus, folder=tmp_path)
        if hook != "bruker-metadata":  # any bytes are points
            assert broken.error is not None
            assert "CannotExtract" in str(broken.error.detail), broken.error.detail


async def test_what_takes_too_long_breaks_off_and_the_process_goes_on(
    runner: HookRunner, tmp_path: Path
) -> None:
    spec = HookSpec(uuid.uuid4(), 1, "mzml-metadata", {"most_seconds": 0.01}, timeout_seconds=60)
    content = mzml([1] * 3000)
    (tmp_path / "local").write_bytes(content)

    async def serve(call: dict[str, Any]) -> dict[str, Any]:
        return {"path": str(tmp_path / "local")}

    version = a_version("a/x.mzML", size_bytes=len(content)).model_dump(mode="json")
    for _ in range(3):
        told = await runner.ask_version(spec, version, serve)
        assert told.error is not None
        assert (told.error.code, "longer than 0.01 s" in str(told.error.detail)) == (
            "hook_failed", True,
        ), told.error  # fmt: skip


async def test_a_missing_sidecar_is_asked_for_later_by_the_same_process(
    runner: HookRunner,
) -> None:
    config = {"sidecar": {"paths": ["{stem}.json"]}, "when_missing": "wait"}
    told = await ask(runner, "sidecar-metadata", "a/x.tif", b"", config)
    assert told.later is not None
    assert "a/x.json" in told.later["reason"]
    found = {"a/x.json": b'{"sample": "gold"}'}
    told = await ask(runner, "sidecar-metadata", "a/x.tif", b"", config, found)
    assert told.answer is not None
    assert told.answer["metadata"] == {"sample": "gold"}


async def test_a_webhook_is_sent_from_its_process(runner: HookRunner) -> None:
    secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
    with receiving() as receiver:
        config = {"url": receiver.url, "secrets": [secret], **LOOPBACK}
        told = await ask(runner, "webhook", "a/x.tif", b"", config)
        assert told.error is None, told.error
        refused = await ask(runner, "webhook", "a/x.tif", b"", {**config, "allow_networks": []})
    assert len(receiver.requests) == 1
    assert refused.error is not None
    assert "AddressRefused" in str(refused.error.detail)
    assert secret not in f"{told} {refused}"
