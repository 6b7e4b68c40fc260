"""What hooks there are, and whether a configuration fits one, asked in a process of its own.

Reading a hook runs its code: the API process, which has secrets in memory, never does that.
"""

from pathlib import Path
from typing import Any

from app.errors import StreamWeaveError
from app.hooks.runner import ask_once


async def describe(folder: Path | None) -> dict[str, Any]:
    """Return `hooks` (name, kind, version, description, schema) and `problems` (where to why).

    Raises:
        StreamWeaveError: `hook_timed_out` or `hook_crashed` when a script breaks the process.
    """
    return await ask_once({"describe": True, "folder": _text(folder)})


async def check(folder: Path | None, hook: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return `kind` and `version` of a hook, its `config` with defaults and `secrets`, or `errors`.

    `secrets` are values by JSON pointer; `config` has a placeholder where they stand.

    Raises:
        StreamWeaveError: `hook_unknown`, `hook_timed_out`, `hook_crashed`.
    """
    asked = {"check": True, "folder": _text(folder), "hook": hook, "config": config}
    told = await ask_once(asked)
    if "error" in told:
        raise StreamWeaveError("hook_unknown", str(told["error"]))
    return told


def _text(folder: Path | None) -> str | None:
    return str(folder) if folder else None
