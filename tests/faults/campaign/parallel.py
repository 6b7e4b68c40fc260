"""A campaign over several processes: rounds stand alone, and mostly wait for time-outs."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any


async def _part(arguments: Sequence[str], part: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.campaign", *arguments, "--json", "--part", part,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        # The parts were interrupted too, and report the rounds that came to their end.
        said, _ = await process.communicate()
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


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
    whole["seconds"] = max(part["seconds"] for part in parts)
    return whole


def run_parts(arguments: Sequence[str], jobs: int) -> dict[str, Any]:
    """Run every round in one of `jobs` processes; return the report of all."""

    async def together() -> list[dict[str, Any]]:
        parts = (_part(arguments, f"{number}/{jobs}") for number in range(jobs))
        return list(await asyncio.gather(*parts))

    return merged(asyncio.run(together()))
