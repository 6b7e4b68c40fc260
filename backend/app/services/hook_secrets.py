"""Secrets inside a hook's configuration: shown as a placeholder, stored encrypted apart from it.

A stored secret is only sent where its owner sent it, as those of service accounts are: when an
address in the configuration changes, its secrets are needed again.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from app.services.credentials import Vault

_ADDRESS_WORDS = ("url", "host", "port", "server", "endpoint", "allow_", "certificate", "proxy")
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


def kept(config: Mapping[str, Any], secrets: Mapping[str, str]) -> str | None:
    """Return where a placeholder stands for a stored secret, the first of them."""
    return next((where for where in secrets if _get(config, where) == PLACEHOLDER), None)


def addresses(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return all that decides where a hook's bytes go: addresses, and what vouches for them."""
    return sorted(_addresses(config, "", is_address=False))


def _addresses(value: Any, pointer: str, *, is_address: bool) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            named = is_address or any(word in str(name).lower() for word in _ADDRESS_WORDS)
            yield from _addresses(one, f"{pointer}/{name}", is_address=named)
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _addresses(one, f"{pointer}/{at}", is_address=is_address)
    elif is_address or (isinstance(value, str) and "://" in value):
        yield pointer, str(value)


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
