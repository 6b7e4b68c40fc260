"""Secrets inside a hook's configuration: shown as a placeholder, stored encrypted apart from it."""

import copy
from collections.abc import Mapping
from typing import Any

from app.services.credentials import Vault

PLACEHOLDER = "**********"  # as pydantic writes a SecretStr


def sealed(
    config: Mapping[str, Any], secrets: Mapping[str, str], vault: Vault
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a configuration with placeholders, and its secrets encrypted, by JSON pointer."""
    shown = copy.deepcopy(dict(config))
    for pointer in secrets:
        _put(shown, pointer, PLACEHOLDER)
    return shown, {pointer: vault.encrypt(secret) for pointer, secret in secrets.items()}


def opened(
    config: Mapping[str, Any], secrets: Mapping[str, str], vault: Vault
) -> Mapping[str, Any]:
    """Return a configuration with the stored secrets wherever their placeholder stands.

    Raises:
        StreamWeaveError: `secret_unreadable`.
    """
    if not secrets:
        return config
    whole = copy.deepcopy(dict(config))
    for pointer, token in secrets.items():
        if _get(whole, pointer) == PLACEHOLDER:
            _put(whole, pointer, vault.decrypt(token))
    return whole


def left_over(secrets: Mapping[str, str]) -> str | None:
    """Return where a placeholder was sent for which no secret is stored."""
    return next((where for where, secret in secrets.items() if secret == PLACEHOLDER), None)


def _parts(pointer: str) -> list[str]:
    return [one.replace("~1", "/").replace("~0", "~") for one in pointer.split("/")[1:]]


def _get(value: Any, pointer: str) -> Any:
    for part in _parts(pointer):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


def _put(value: Any, pointer: str, new: str) -> None:
    *way, last = _parts(pointer)
    for part in way:
        value = value[int(part)] if isinstance(value, list) else value[part]
    if isinstance(value, list):
        value[int(last)] = new
    else:
        value[last] = new
