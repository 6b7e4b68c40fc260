"""The few calls of SciCat's API (v3) that a connector needs: signing in, datasets, file lists."""

import json
from collections.abc import Mapping
from time import monotonic
from typing import Any
from urllib.parse import quote

from app.hooks.builtin.calls import CallFailed, NetworkConfig, Response, refuse_failures

_MARGIN_SECONDS = 60
_UNKNOWN_LIFE_SECONDS = 600
_MOST_BYTES = 8 << 20


class SciCat:
    """Speaks to one SciCat; a token that ran out is fetched again once."""

    def __init__(
        self, network: NetworkConfig, base: str, token: str, credentials: tuple[str, str]
    ) -> None:
        self._network = network
        self._base = base.rstrip("/")
        self._given_token = token
        self._credentials = credentials
        self._token = ""
        self._ends_at = 0.0

    def datasets(self, where: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return at most two datasets that fit."""
        return self._found("datasets", where)

    def create_dataset(self, dataset: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the new dataset, None when there is one with its pid."""
        response = self._call("POST", "/datasets", dataset)
        if response.status == 409:
            return None
        return _object(refuse_failures(response, "SciCat"))

    def update_dataset(self, pid: str, changes: Mapping[str, Any]) -> None:
        """Change fields of a dataset."""
        response = self._call("PATCH", f"/datasets/{quote(pid, safe='')}", changes)
        refuse_failures(response, "SciCat")

    def origdatablocks(self, pid: str, path: str) -> list[dict[str, Any]]:
        """Return at most two lists of files of a dataset that hold a path."""
        return self._found("origdatablocks", {"datasetId": pid, "dataFileList.path": path})

    def create_origdatablock(self, block: Mapping[str, Any]) -> None:
        """Add a list of files to a dataset."""
        refuse_failures(self._call("POST", "/origdatablocks", block), "SciCat")

    def update_origdatablock(self, id_: str, changes: Mapping[str, Any]) -> None:
        """Change a list of files."""
        response = self._call("PATCH", f"/origdatablocks/{quote(id_, safe='')}", changes)
        refuse_failures(response, "SciCat")

    def _found(self, what: str, where: Mapping[str, Any]) -> list[dict[str, Any]]:
        filter_ = json.dumps({"where": where, "limits": {"skip": 0, "limit": 2}})
        response = self._call("GET", f"/{what}?filter={quote(filter_, safe='')}")
        told = _json(refuse_failures(response, "SciCat"))
        if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
            raise CallFailed(f"SciCat answered no list of {what}: {response.text()}")
        return told

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Response:
        response = self._once(method, path, body)
        if response.status == 401 and not self._given_token:
            self._token = ""
            response = self._once(method, path, body)
        return response

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> Response:
        headers = {"authorization": f"Bearer {self._bearer()}", "accept": "application/json"}
        return self._send(method, path, headers, body)

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> Response:
        content = None if body is None else json.dumps(body).encode()
        typed = {} if content is None else {"content-type": "application/json"}
        url = self._base + path
        return self._network.call(method, url, {**headers, **typed}, content, _MOST_BYTES)

    def _bearer(self) -> str:
        if self._given_token:
            return self._given_token
        if self._token and monotonic() < self._ends_at:
            return self._token
        username, password = self._credentials
        sent = {"username": username, "password": password}
        began = monotonic()
        response = self._send("POST", "/auth/login", {"accept": "application/json"}, sent)
        told = _object(refuse_failures(response, "SciCat's sign-in"))
        token = told.get("access_token") or told.get("id")
        if not isinstance(token, str) or not token:
            raise CallFailed("SciCat's sign-in answered no token.")
        life = told.get("expires_in")
        seconds = life if isinstance(life, int | float) else _UNKNOWN_LIFE_SECONDS
        self._token, self._ends_at = token, began + seconds - _MARGIN_SECONDS
        return token


def _json(response: Response) -> Any:
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise CallFailed(f"SciCat answered no JSON: {response.text()}") from error


def _object(response: Response) -> dict[str, Any]:
    told = _json(response)
    if not isinstance(told, dict):
        raise CallFailed(f"SciCat answered no object: {response.text()}")
    return told
