"""Which local paths StreamWeave may touch: below the allowed roots, never its own data."""

from pathlib import Path

from app.config import Settings
from app.services.edits import InvalidField


def check_local_path(text: str, settings: Settings, pointer: str) -> Path:
    """Return a path that is allowed, links resolved as far as they exist here.

    Raises:
        InvalidField: `path_not_allowed` with the reason.
    """
    path = Path(text)
    if not path.is_absolute() or ".." in path.parts or str(path) != text.rstrip("/"):
        raise InvalidField(pointer, "The path must be absolute and normal.", "path_not_allowed")
    resolved = path.resolve()
    roots = [root.resolve() for root in settings.allowed_roots]
    if not any(resolved.is_relative_to(root) for root in roots):
        raise InvalidField(pointer, f"{text} is not below an allowed root.", "path_not_allowed")
    data = settings.data.resolve()
    if resolved.is_relative_to(data) or data.is_relative_to(resolved):
        raise InvalidField(
            pointer, f"{text} lies in or above the data directory.", "path_not_allowed"
        )
    return resolved
