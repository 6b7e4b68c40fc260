"""Prefect's REST API, as far as it is needed: deployments, flow runs, states, health.

Spoken to by httpx, because importing Prefect costs the API process some 90 MB and 3 s.
"""

from typing import Any

import httpx

from app.config import Settings
from app.errors import StreamWeaveError

_TIMEOUT_SECONDS = 10.0


class PrefectApi:
    """A client of Prefect's server.

    Every call raises `orchestrator_unreachable` when the server is away or answers an error.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: httpx.AsyncClient | None = None
        self._url = ""

    def _open(self) -> httpx.AsyncClient:
        url = self._settings.prefect_url
        if self._client is None or url != self._url:
            secret = self._settings.prefect_auth
            user, _, password = (secret.get_secret_value() if secret else "").partition(":")
            self._client = httpx.AsyncClient(
                base_url=url,
                timeout=_TIMEOUT_SECONDS,
                auth=httpx.BasicAuth(user, password) if user else None,
            )
            self._url = url
        return self._client

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, absent_ok: bool = False
    ) -> Any:
        try:
            response = await self._open().request(method, path, json=body)
        except httpx.HTTPError as error:
            raise StreamWeaveError(
                "orchestrator_unreachable", f"{path}: {type(error).__name__}"
            ) from error
        if response.status_code == 404 and absent_ok:
            return None
        if response.status_code >= 400:
            raise StreamWeaveError(
                "orchestrator_unreachable", f"{path}: HTTP status {response.status_code}"
            )
        return response.json() if response.content else None

    async def is_healthy(self) -> bool:
        """Return whether the server answers."""
        return await self._call("GET", "/health") is True

    async def work_pool_exists(self, name: str) -> bool:
        """Return whether a worker has made its pool."""
        return await self._call("GET", f"/work_pools/{name}", absent_ok=True) is not None

    async def make_work_pool(self, name: str) -> None:
        """Make a pool of the process kind; the worker fills in its job template."""
        if not await self.work_pool_exists(name):
            await self._call("POST", "/work_pools/", {"name": name, "type": "process"})

    async def save_deployment(self, deployment: dict[str, Any], flow_name: str) -> str:
        """Create or update a deployment of a flow; return its id."""
        flow = await self._call("POST", "/flows/", {"name": flow_name})
        answer = await self._call("POST", "/deployments/", {**deployment, "flow_id": flow["id"]})
        return str(answer["id"])

    async def deployments(self, tag: str) -> dict[str, str]:
        """Return the deployments with a tag: name to id."""
        answer = await self._call(
            "POST",
            "/deployments/filter",
            {"deployments": {"tags": {"all_": [tag]}}, "limit": 200},
        )
        return {str(one["name"]): str(one["id"]) for one in answer}

    async def delete_deployment(self, deployment_id: str) -> None:
        """Delete a deployment; none there is fine."""
        await self._call("DELETE", f"/deployments/{deployment_id}", absent_ok=True)

    async def start_flow_run(
        self, deployment_id: str, parameters: dict[str, Any], key: str
    ) -> str | None:
        """Create a flow run, once for a key; None when the deployment is gone."""
        answer = await self._call(
            "POST",
            f"/deployments/{deployment_id}/create_flow_run",
            {
                "parameters": parameters,
                "idempotency_key": key,
                "state": {"type": "SCHEDULED", "name": "Scheduled"},
            },
            absent_ok=True,
        )
        return None if answer is None else str(answer["id"])

    async def flow_run_state(self, flow_run_id: str) -> str | None:
        """Return a flow run's state type (RUNNING, ...); None when Prefect does not know it."""
        answer = await self._call("GET", f"/flow_runs/{flow_run_id}", absent_ok=True)
        return None if answer is None else str(answer.get("state_type"))

    async def set_state(self, flow_run_id: str, kind: str, message: str) -> None:
        """Set a flow run's state by force (CRASHED, CANCELLED); an unknown one is fine."""
        state = {"type": kind, "name": kind.capitalize(), "message": message}
        await self._call(
            "POST",
            f"/flow_runs/{flow_run_id}/set_state",
            {"state": state, "force": True},
            absent_ok=True,
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
