"""A campaign over several processes: rounds stand alone, and mostly wait for time-outs."""

import asyncio
import contextlib
import json
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any


async def _part(arguments: Sequence[str], part: str, found: list[dict[str, Any]]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.campaign", *arguments, "--json", "--part", part,
        stdout=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    saying = asyncio.ensure_future(process.communicate())
    try:
        await asyncio.shield(saying)
    except asyncio.CancelledError:
        process.send_signal(signal.SIGINT)  # it reports the rounds that came to their end
    said, _ = await saying
    found.append(json.loads(said.splitlines()[-1]))


def merged(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add the parts' reports up to one."""
    kinds: Counter[str] = Counter()
    for part in parts:
        kinds.update(part["faults_by_kind"])
    whole = dict(parts[0])
    for name in ("rounds", "faults", "files", "violations"):
        whole[name] = sum(part[name] for part in parts)
    whole["violations_found"] = [one for part in parts for one in part["violations_found"]]
    whole["faults_by_kind"] = dict(sorted(kinds.items()))
    whole["kinds_without_a_fault"] = [name for name, count in sorted(kinds.items()) if not count]
    whole["not_run"] = {name: why for part in parts for name, why in part["not_run"].items()}
    whole["broken"] = {number: why for part in parts for number, why in part["broken"].items()}
    whole["seconds"] = max(part["seconds"] for part in parts)
    return whole


def run_parts(arguments: Sequence[str], jobs: int) -> dict[str, Any]:
    """Run every round in one of `jobs` processes; return the report of all."""
    found: list[dict[str, Any]] = []

    async def together() -> None:
        parts = (_part(arguments, f"{number}/{jobs}", found) for number in range(jobs))
        await asyncio.gather(*parts)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(together())
    return merged(found)
