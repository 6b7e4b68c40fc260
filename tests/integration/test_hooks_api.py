"""Hooks by API and command line: checked when saved, secrets kept to themselves."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.models import Hook, Instrument
from app.services.credentials import rotate_secrets
from app.services.hook_asking import spec_of
from tests.integration.api_fixtures import Api
from tests.integration.cli_fixtures import run_cli

pytest_plugins = ("tests.integration.api_fixtures", "tests.integration.cli_fixtures")

SCRIPT = '''
from pydantic import SecretStr
from streamweave_sdk.hooks import Config, Continue, PostAnswer, PostTransfer, PreTransfer

class Target(Config):
    url: str
    token: SecretStr

class Rules(Config):
    targets: list[Target]
    word: str = "dark"

class Asks(PreTransfer[Rules]):
    """Asks elsewhere."""
    def run(self, file):
        return Continue()
'''
FILTER = {"rules": [{"name": "temporary", "globs": ["*.tmp"]}]}


@pytest.fixture
def folder(api: Api, tmp_path: Path) -> Path:
    found = tmp_path / "hooks"
    found.mkdir()
    (found / "mine.py").write_text(SCRIPT)
    api.app.state.settings.hooks_folder = found
    return found


async def _generation(api: Api) -> int:
    async with api.database.read() as session:
        return int(await session.scalar(select(Instrument.rules_generation)) or 0)


async def test_the_kinds_of_hooks_are_told_with_their_schemas(api: Api, folder: Path) -> None:
    (folder / "broken.py").write_text("import nothing_such")
    found = (await api.admin.get("/api/hook-types")).json()
    kinds = {one["hook"]: one for one in found["items"]}
    assert kinds["asks"]["description"] == "Asks elsewhere."
    assert kinds["asks"]["config_schema"]["required"] == ["targets"]
    assert kinds["file-filter"]["kind"] == "pre_transfer"
    assert "nothing_such" in found["problems"]["broken.py"]


async def test_a_hook_is_made_changed_ordered_and_forgotten(api: Api) -> None:
    instrument = await api.make_instrument()
    before = await _generation(api)
    first = await api.make("hooks", name="first", hook="file-filter", config=FILTER)
    assert first["config"]["otherwise"] == "include" and first["kind"] == "pre_transfer"
    assert await _generation(api) == before + 1
    second = await api.make(
        "hooks", name="second", hook="file-filter", instrument_id=instrument["id"]
    )
    assert second["position"] > first["position"]
    taken = await api.admin.post("/api/hooks", json={"name": "first", "hook": "file-filter"})
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    where = f"/api/hooks/{second['id']}"
    tag = (await api.admin.get(where)).headers["ETag"]
    moved = await api.admin.patch(
        where, json={"position": 1, "enabled": False}, headers={"If-Match": tag}
    )
    assert moved.json()["revision"] == 2 and not moved.json()["enabled"]
    stale = await api.admin.patch(where, json={"enabled": True}, headers={"If-Match": tag})
    assert stale.json()["code"] == "edit_conflict"
    page = (await api.admin.get("/api/hooks?limit=1")).json()
    rest = (await api.admin.get(f"/api/hooks?limit=1&cursor={page['next_cursor']}")).json()
    assert [one["name"] for one in page["items"] + rest["items"]] == ["second", "first"]
    held = (await api.admin.get(f"/api/instruments/{instrument['id']}/hooks")).json()["items"]
    assert [one["name"] for one in held] == ["second", "first"] and "config" not in held[0]
    hidden = await api.stranger.get(f"/api/instruments/{instrument['id']}/hooks")
    assert hidden.status_code == 404
    gone = await api.admin.delete(where, headers={"If-Match": '"r2"'})
    assert gone.status_code == 204
    events = (await api.admin.get("/api/audit")).json()["items"]
    assert [one["action"] for one in events[:4]] == [
        "hook.deleted", "hook.changed", "hook.created", "hook.created",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hook", "config", "code", "pointer"),
    [
        ("file-filter", {"rules": [{"name": "x"}]}, "hook_config_invalid", "/config/rules/0"),
        ("file-filter", {"rulez": []}, "hook_config_invalid", "/config/rulez"),
        ("file-filter", {"otherwise": "\x00"}, "invalid_request", "/config"),
        (
            "redirect-files",
            {"targets": [{"globs": ["*"], "storage": "nowhere"}]},
            "hook_storage_unknown",
            "/config/targets/0/storage",
        ),
    ],
)
async def test_a_configuration_that_does_not_fit_is_refused_with_field_and_reason(
    api: Api, hook: str, config: dict[str, Any], code: str, pointer: str
) -> None:
    answer = await api.admin.post("/api/hooks", json={"name": "a", "hook": hook, "config": config})
    body = answer.json()
    assert (body["code"], body["errors"][0]["pointer"]) == (code, pointer)
    assert body["errors"][0]["detail"]
    assert (await api.admin.get("/api/hooks")).json()["items"] == []


async def test_what_is_not_there_is_refused(api: Api) -> None:
    unknown = await api.admin.post("/api/hooks", json={"name": "a", "hook": "no-such"})
    assert unknown.json()["code"] == "hook_unknown"
    body = {"name": "a", "hook": "file-filter", "instrument_id": str(uuid.uuid4())}
    nobody = await api.admin.post("/api/hooks", json=body)
    assert nobody.json()["errors"][0]["pointer"] == "/instrument_id"


async def test_a_redirect_names_a_location_of_its_instrument(api: Api) -> None:
    storage = await api.make_storage("archive")
    policy = [{"storage_location_id": storage["id"]}]
    mine = await api.make_instrument(storage=policy)
    other = await api.make_instrument("sem-1")
    config = {"targets": [{"globs": ["*"], "storage": "archive"}]}
    body = {"name": "a", "hook": "redirect-files", "config": config}
    refused = await api.admin.post("/api/hooks", json={**body, "instrument_id": other["id"]})
    assert refused.json()["code"] == "hook_storage_unknown"
    await api.make("hooks", **body, instrument_id=mine["id"])


async def test_redirects_of_everything_that_disagree_are_told_when_saved(api: Api) -> None:
    for name in ("archive", "mirror"):
        await api.make_storage(name)

    async def save(name: str, storage: str, **more: Any) -> Any:
        config = {"targets": [{"globs": ["*"], "storage": storage}]}
        return await api.make("hooks", name=name, hook="redirect-files", config=config, **more)

    first = await save("first", "archive")
    assert first["warnings"] == []
    assert (await save("same", "archive"))["warnings"] == []
    assert (await save("off", "mirror", enabled=False))["warnings"] == []
    other = await save("other", "mirror", pattern="*.raw")
    assert len(other["warnings"]) == 2 and "'first' sends them to 'archive'" in other["warnings"][0]
    shown = (await api.admin.get(f"/api/hooks/{first['id']}")).json()
    assert len(shown["warnings"]) == 1 and "'other'" in shown["warnings"][0]
    # What only a file can tell is told by a file that waits.
    elsewhere = await save("elsewhere", "mirror", pattern="*.txt", position=1)
    assert not any("'other'" in one for one in elsewhere["warnings"])
    listed = (await api.admin.get("/api/hooks")).json()["items"]
    assert {one["name"] for one in listed if one["warnings"]} == {
        "first", "same", "other", "elsewhere",
    }  # fmt: skip


async def test_secrets_are_encrypted_never_shown_and_kept(api: Api, folder: Path) -> None:
    config = {"targets": [{"url": "https://a.example", "token": "geheim"}]}
    made = await api.make("hooks", name="a", hook="asks", config=config)
    assert made["config"]["targets"][0]["token"] == "**********"

    async def stored() -> Hook:
        async with api.database.read() as session:
            return (await session.scalars(select(Hook))).one()

    row = await stored()
    assert "geheim" not in json.dumps([row.config, row.secrets])
    changed = {**made["config"], "word": "light"}
    kept = await api.admin.patch(
        f"/api/hooks/{made['id']}", json={"config": changed}, headers={"If-Match": '"r1"'}
    )
    assert kept.status_code == 200, kept.text
    row = await stored()
    vault = api.app.state.vault
    spec = spec_of(row, vault)
    assert spec.config["targets"][0]["token"] == "geheim" and spec.config["word"] == "light"
    assert "geheim" not in (await api.admin.get("/api/audit")).text
    elsewhere = {"targets": [{"url": "https://b.example", "token": "**********"}]}
    refused = await api.admin.patch(
        f"/api/hooks/{made['id']}", json={"config": elsewhere}, headers={"If-Match": '"r2"'}
    )
    assert refused.json()["errors"][0]["pointer"] == "/config/targets/0/token"
    assert refused.json()["code"] == "secret_required"
    more = {"targets": [*changed["targets"], {"url": "https://b", "token": "**********"}]}
    refused = await api.admin.patch(
        f"/api/hooks/{made['id']}", json={"config": more}, headers={"If-Match": '"r2"'}
    )
    assert refused.json()["errors"][0]["pointer"] == "/config/targets/1/token"
    assert await api.database.run(lambda session: rotate_secrets(session, vault)) == 1
    assert spec_of(await stored(), vault).config["targets"][0]["token"] == "geheim"


async def test_hooks_by_the_command_line(api: Api, signed_in: str, tmp_path: Path) -> None:
    await api.make_instrument()
    file = tmp_path / "filter.json"
    file.write_text(json.dumps(FILTER))
    kinds = await run_cli("hooks", "types")
    assert "file-filter" in [one["hook"] for one in kinds["items"]]
    made = await run_cli(
        "hooks", "add", "no tmp", "file-filter", "--config", str(file), "--instrument", "tem-2",
        "--policy", "warn",
    )  # fmt: skip
    assert (await run_cli("hooks", "disable", "no tmp"))["enabled"] is False
    assert (await run_cli("hooks", "enable", "no tmp"))["enabled"] is True
    edited = await run_cli("hooks", "edit", "no tmp", "--everywhere", "--pattern", "raw/**")
    assert (edited["instrument_id"], edited["pattern"]) == (None, "raw/**")
    assert (await run_cli("hooks", "show", "no tmp"))["id"] == made["id"]
    assert [one["name"] for one in await run_cli("hooks", "list")] == ["no tmp"]
    assert await run_cli("hooks", "remove", "no tmp") == {"removed": "no tmp"}
