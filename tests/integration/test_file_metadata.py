"""Metadata of files: said by hooks, said by people, found again; rights that hooks give."""

import base64
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from app.clock import utcnow
from app.models import CopyState, Hook, Version, new_id
from app.services.hook_answers import Said, save
from tests.integration.api_fixtures import Api
from tests.integration.cli_fixtures import run_cli

pytest_plugins = ("tests.integration.api_fixtures", "tests.integration.cli_fixtures")
_PNG = b"\x89PNG\r\n\x1a\n....\xff"


async def _file(api: Api, path: str = "a.raw") -> uuid.UUID:
    storage = await api.make_storage()
    instrument = await api.make_instrument()
    made = await api.make_file(instrument["id"], storage["id"], path, state=CopyState.AVAILABLE)
    return made[0]


async def _say(api: Api, file_id: uuid.UUID, hook: uuid.UUID, **answer: Any) -> None:
    async with api.database.write() as session:
        version = await session.scalar(select(Version.id).where(Version.source_file_id == file_id))
        assert version is not None
        whole = {"metadata": {}, "tags": [], "access": [], "notices": [], "preview": None, **answer}
        position = int(answer.pop("position", 0))
        whole.pop("position", None)
        said = Said(version, file_id, hook, f"hook {position}", "1", 1, position, whole)
        await save(session, [said])


async def test_people_go_before_hooks_and_both_are_seen(api: Api) -> None:
    file_id, one, two = await _file(api), new_id(), new_id()
    await _say(api, file_id, one, metadata={"a": 1, "b": "x"}, tags=["raw"], position=1)
    await _say(api, file_id, two, metadata={"b": "y"}, tags=["cold"], position=2)
    where = f"/api/files/{file_id}/metadata"
    first = await api.admin.get(where)
    assert first.json()["fields"] == {"a": 1, "b": "y"} and first.json()["tags"] == ["raw", "cold"]
    body = {"fields": {"b": "mine", "a": None}, "tags_removed": ["raw"], "tags_added": ["good"]}
    tag = first.headers["ETag"]
    changed = await api.admin.patch(where, json=body, headers={"If-Match": tag})
    assert changed.status_code == 200, changed.text
    assert changed.json()["fields"] == {"b": "mine"}
    assert changed.json()["tags"] == ["cold", "good"]
    stale = await api.admin.patch(where, json=body, headers={"If-Match": tag})
    assert stale.json()["code"] == "edit_conflict"
    # What a hook says anew changes nothing of what people said.
    await _say(api, file_id, one, metadata={"a": 2, "c": 3}, tags=["raw"], position=1)
    found = (await api.admin.get(where)).json()
    assert found["fields"] == {"b": "mine", "c": 3}
    assert [each["fields"] for each in found["answers"]] == [{"a": 2, "c": 3}, {"b": "y"}]
    assert found["answers"][0]["hook_version"] == "1" and found["version"] == 1
    assert found["note"]["fields"] == {"a": None, "b": "mine"}
    events = (await api.admin.get("/api/audit?action=file.metadata_changed")).json()["items"]
    assert len(events) == 1
    assert (await api.stranger.get(where)).status_code == 404
    refused = await api.stranger.patch(where, json=body, headers={"If-Match": '"r1"'})
    assert refused.status_code == 404


async def test_files_are_found_by_tag_and_by_value(api: Api) -> None:
    first, hook = await _file(api), new_id()
    instrument = (await api.admin.get(f"/api/files/{first}")).json()["instrument_id"]
    storage = (await api.admin.get("/api/storage")).json()["items"][0]["id"]
    second, _ = await api.make_file(instrument, storage, "b.raw", state=CopyState.AVAILABLE)
    await _say(api, first, hook, metadata={"sample": "A=1", "list": [1]}, tags=["raw"])
    await _say(api, second, hook, metadata={"sample": "B", "on": True}, tags=["raw", "cold"])

    async def paths(query: str) -> list[str]:
        answer = await api.admin.get(f"/api/files?{query}")
        assert answer.status_code == 200, answer.text
        counted = (await api.admin.get(f"/api/files/counts?{query}")).json()["total"]
        assert counted == {"count": len(answer.json()["items"]), "more": False}
        return [one["path"] for one in answer.json()["items"]]

    assert await paths("tag=raw") == ["b.raw", "a.raw"]
    assert await paths("tag=cold") == ["b.raw"]
    assert await paths("tag=Cold") == []
    assert await paths("meta=sample=A%3D1") == ["a.raw"]
    assert await paths("meta=on=true&tag=raw&q=b") == ["b.raw"]
    assert await paths("tag=raw&size_min=6") == []
    assert (await api.admin.get("/api/files?meta=sample")).status_code == 422
    page = (await api.admin.get("/api/files?tag=raw&limit=1")).json()
    rest = (await api.admin.get(f"/api/files?tag=raw&limit=1&cursor={page['next_cursor']}")).json()
    assert [one["path"] for one in rest["items"]] == ["a.raw"]


async def test_a_named_person_sees_this_file_alone(api: Api) -> None:
    file_id, hook = await _file(api), new_id()
    file = (await api.admin.get(f"/api/files/{file_id}")).json()
    storage = (await api.admin.get("/api/storage")).json()["items"][0]["id"]
    other, _ = await api.make_file(
        file["instrument_id"], storage, "secret.raw", state=CopyState.AVAILABLE
    )
    access = [{"email": "Stranger@lab.example"}, {"email": "nobody@lab.example"}]
    assert (await api.stranger.get(f"/api/files/{file_id}")).status_code == 404
    await _say(api, file_id, hook, access=access)
    assert (await api.stranger.get(f"/api/files/{file_id}")).json()["path"] == "a.raw"
    assert (await api.stranger.get(f"/api/files/{file_id}/versions")).status_code == 200
    found = (await api.stranger.get(f"/api/files/{file_id}/metadata")).json()
    assert [one["granted"] for one in found["answers"][0]["access"]] == [True, False]
    assert ["nobody@lab.example" in one for one in found["problems"]] == [True]
    shared = (await api.stranger.get("/api/files?shared=true")).json()["items"]
    assert [one["path"] for one in shared] == ["a.raw"]
    assert (await api.stranger.get(f"/api/files/{other}")).status_code == 404
    instrument = await api.stranger.get(f"/api/instruments/{file['instrument_id']}")
    assert instrument.status_code == 404
    # It is in the list as it is, and its story says why.
    assert await _listed(api.stranger) == ["a.raw"]
    assert await _listed(api.stranger, "type=raw&sort=first_seen") == ["a.raw"]
    assert await _listed(api.stranger, f"instrument={new_id()}") == []
    assert await _listed(api.stranger, "first_seen_before=2020-01-01T00:00:00Z") == []
    story = (await api.stranger.get(f"/api/files/{file_id}/story")).json()
    (granted,) = [one for one in story["steps"] if one["kind"] == "access_granted"]
    assert granted["details"] == {"hook": "hook 0", "person": "stranger@lab.example"}
    assert (await api.stranger.get(f"/api/files/{other}/story")).status_code == 404
    # The hook does not name them any more.
    await _say(api, file_id, hook)
    assert (await api.stranger.get(f"/api/files/{file_id}")).status_code == 404
    assert await _listed(api.stranger) == []


async def test_single_files_stand_once_among_those_of_instruments(api: Api) -> None:
    storage = (await api.make_storage())["id"]
    own, foreign = await api.make_instrument(), await api.make_instrument("sem-1")
    files = {}
    for number in range(6):
        where = own if number % 2 else foreign
        files[number], _ = await api.make_file(
            where["id"], storage, f"{number}.raw", state=CopyState.AVAILABLE
        )
    users = (await api.admin.get("/api/users")).json()["items"]
    me = next(one["id"] for one in users if one["email"] == "stranger@lab.example")
    await api.admin.put(f"/api/instruments/{own['id']}/users/{me}")
    for number in (0, 1, 4):
        for hook in (new_id(), new_id()):  # two hooks name the same person
            access = [{"email": "stranger@lab.example"}]
            await _say(api, files[number], hook, access=access)
    assert await _listed(api.stranger) == ["5.raw", "4.raw", "3.raw", "1.raw", "0.raw"]
    assert await _listed(api.stranger, "sort=first_seen&limit=2") == ["0.raw", "1.raw"]
    assert await _listed(api.stranger, "sort=-path") == [
        "5.raw", "4.raw", "3.raw", "1.raw", "0.raw",
    ]  # fmt: skip
    assert await _listed(api.stranger, f"instrument={foreign['id']}") == ["4.raw", "0.raw"]
    assert await _listed(api.stranger, "size_min=1") == [f"{n}.raw" for n in (5, 4, 3, 1, 0)]
    found, cursor = [], ""
    while True:
        page = (await api.stranger.get(f"/api/files?limit=2{cursor}")).json()
        found += [one["path"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == ["5.raw", "4.raw", "3.raw", "1.raw", "0.raw"]


async def _listed(client: Any, query: str = "") -> list[str]:
    """Return the paths of a list, of which the counts say the same when it is whole."""
    answer = (await client.get(f"/api/files?{query}")).json()
    if answer["next_cursor"] is None and "sort" not in query:
        counted = (await client.get(f"/api/files/counts?{query}")).json()["total"]
        assert counted == {"count": len(answer["items"]), "more": False}
    return [one["path"] for one in answer["items"]]


async def test_a_preview_is_served_as_nothing_but_a_picture(api: Api) -> None:
    file_id, hook = await _file(api), new_id()
    picture = {
        "kind": "image", "media_type": "image/png", "alt": "a grid",
        "data": base64.urlsafe_b64encode(_PNG).decode(),
    }  # fmt: skip
    await _say(api, file_id, hook, preview=picture)
    found = (await api.admin.get(f"/api/files/{file_id}/metadata")).json()["answers"][0]["preview"]
    assert found == {"kind": "image", "media_type": "image/png", "alt": "a grid"}
    answer = await api.admin.get(f"/api/files/{file_id}/previews/{hook}")
    assert (answer.content, answer.headers["content-type"]) == (_PNG, "image/png")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert (await api.stranger.get(f"/api/files/{file_id}/previews/{hook}")).status_code == 404
    missing = await api.admin.get(f"/api/files/{file_id}/previews/{new_id()}")
    assert missing.status_code == 404


@pytest.mark.parametrize("fields", [{"a": "\x00"}, {"a": 1 << 64}])
async def test_what_the_database_cannot_hold_is_refused(api: Api, fields: dict[str, Any]) -> None:
    file_id = await _file(api)
    answer = await api.admin.patch(
        f"/api/files/{file_id}/metadata", json={"fields": fields}, headers={"If-Match": '"r0"'}
    )
    assert answer.status_code == 422


async def test_metadata_by_the_command_line(api: Api, signed_in: str) -> None:
    file_id = await _file(api)
    now = utcnow()
    async with api.database.write() as session:
        hook = Hook(
            name="h", hook="h", kind="post_transfer", config={}, secrets={}, revision=1,
            created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(hook)
    await _say(api, file_id, hook.id, metadata={"sample": "A"}, tags=["raw"])
    shown = await run_cli("files", "show", str(file_id))
    assert (shown["metadata"], shown["tags"]) == ({"sample": "A"}, ["raw"])
    edited = await run_cli(
        "files", "annotate", str(file_id), "--set", "sample=B", "--set", "run=7", "--tag", "good",
        "--untag", "raw",
    )  # fmt: skip
    assert (edited["fields"], edited["tags"]) == ({"sample": "B", "run": 7}, ["good"])
    text = await run_cli("files", "show", str(file_id), as_json=False)
    assert "good" in text and "sample" in text
    found = await run_cli("files", "list", "--tag", "good", "--meta", "run=7")
    assert [one["id"] for one in found] == [str(file_id)]
