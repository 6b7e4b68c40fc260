"""The hooks that this installation has: those built in, of installed packages, of the folder."""

from pathlib import Path

from app.hooks.builtin import BUILTIN
from streamweave_sdk.hooks import FoundHooks, find_hooks


def known_hooks(folder: Path | None) -> FoundHooks:
    """Return all hooks by name; nobody replaces one that is built in."""
    known = FoundHooks()
    for hook in BUILTIN:
        known.add(hook, "built in")
    found = find_hooks(folder)
    known.problems.update(found.problems)
    for hook in found.hooks.values():
        known.add(hook, hook.__module__)
    return known
