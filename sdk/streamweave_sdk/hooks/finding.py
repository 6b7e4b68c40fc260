"""Which hooks there are: entry points `streamweave.hooks`, and scripts in a folder.

A hook that cannot be loaded is reported with its reason and hides no other.
"""

import hashlib
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from streamweave_sdk.hooks.contract import Hook

GROUP = "streamweave.hooks"


@dataclass
class FoundHooks:
    """The hooks by name, and what could not be loaded: where to why."""

    hooks: dict[str, type[Hook[Any]]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def add(self, hook: type[Hook[Any]], where: str) -> None:
        """Add a hook; the first of a name stands."""
        if self.hooks.setdefault(hook.name, hook) is not hook:
            self.problems[where] = f"There is another hook named '{hook.name}'."


def find_hooks(folder: Path | None = None) -> FoundHooks:
    """Return the hooks of installed packages and of the scripts in a folder."""
    found = FoundHooks()
    for point in entry_points(group=GROUP):
        try:
            hook = point.load()
        except Exception as error:  # noqa: BLE001  a package may fail in any way: it is reported
            found.problems[point.value] = f"{type(error).__name__}: {error}"
            continue
        if inspect.isclass(hook) and issubclass(hook, Hook) and not inspect.isabstract(hook):
            found.add(hook, point.value)
        else:
            found.problems[point.value] = "It is no hook: derive it from PreTransfer."
    for path in sorted(folder.glob("*.py")) if folder is not None else []:
        if path.name.startswith("test_"):
            continue  # its author's tests
        try:
            module = _load(path)
        except Exception as error:  # noqa: BLE001  a script may fail in any way: it is reported
            found.problems[path.name] = f"{type(error).__name__}: {error}"
            continue
        for hook in _hooks_of(module):
            found.add(hook, path.name)
    return found


def _load(path: Path) -> ModuleType:
    # The path's hash keeps scripts of one name in two folders apart.
    name = f"streamweave_hook_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    module = ModuleType(name)
    module.__file__ = str(path)
    # Annotations are looked up there. No bytecode is kept: a cached one is taken for the script
    # when that was saved twice in a second.
    sys.modules[name] = module
    exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    return module


def _hooks_of(module: ModuleType) -> Iterator[type[Hook[Any]]]:
    for value in vars(module).values():
        if not inspect.isclass(value) or value.__module__ != module.__name__:
            continue  # what the script only imports is not its own
        if issubclass(value, Hook) and not inspect.isabstract(value):
            yield value
