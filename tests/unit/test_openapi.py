"""The OpenAPI document is complete enough to generate clients from, and tells no secret."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from app.config import Settings
from app.errors import CATALOGUE
from app.main import create_app

SECRET_FIELDS = {"secret", "password", "code", "value", "access_token"}
PUBLIC = {"login", "createBearerToken", "getSetup", "createFirstAdmin", "getHealth"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    data = tmp_path_factory.mktemp("data")
    settings = Settings(_env_file=None, data=data, local_roots=str(Path("/srv")))
    return create_app(settings, background=False).openapi()


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def _contents(part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from part.get("content", {}).items()


def test_operation_ids_are_unique_names(document: dict[str, Any]) -> None:
    ids = Counter(one["operationId"] for one in _operations(document))
    assert [name for name, count in ids.items() if count > 1] == []
    assert [name for name in ids if not name.isidentifier() or not name[0].islower()] == []


def test_every_operation_is_described_and_has_one_tag(document: dict[str, Any]) -> None:
    lacking = [
        one["operationId"]
        for one in _operations(document)
        if not one.get("description") or len(one.get("tags", ())) != 1
    ]
    assert lacking == []
    used = {one["tags"][0] for one in _operations(document)}
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    assert used == described


def test_every_schema_has_a_name_and_a_description(document: dict[str, Any]) -> None:
    unnamed = [
        (one["operationId"], media)
        for one in _operations(document)
        for part in [one.get("requestBody", {}), *one["responses"].values()]
        for media, content in _contents(part)
        if "$ref" not in content["schema"]
    ]
    assert unnamed == []
    schemas = document["components"]["schemas"]
    assert [name for name, one in schemas.items() if not one.get("description")] == []
    assert [name for name in schemas if not name.isidentifier() or "_" in name] == []


def test_every_request_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    for one in _operations(document):
        for _, content in _contents(one.get("requestBody", {})):
            examples = content.get("examples", {})
            assert examples, one["operationId"]
            schema = {**content["schema"], "components": document["components"]}
            for name, example in examples.items():
                assert example["summary"], name
                jsonschema_rs.validate(schema, example["value"])


def test_every_answer_has_examples_or_says_its_values(document: dict[str, Any]) -> None:
    telling = {"examples", "$ref", "format", "enum", "const", "default", "anyOf", "items"}
    asked = {
        content["schema"]["$ref"].rpartition("/")[2]
        for one in _operations(document)
        for _, content in _contents(one.get("requestBody", {}))
    }  # those have whole examples
    lacking = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        if name not in asked
        for field, value in schema.get("properties", {}).items()
        if value.get("type") not in ("boolean", "object") and not telling & set(value)
    ]
    assert [one for one in lacking if one.split(".")[1] not in SECRET_FIELDS] == []


def test_every_operation_documents_its_errors_as_problems(document: dict[str, Any]) -> None:
    for one in _operations(document):
        statuses = set(one["responses"])
        assert {"422", "500"} <= statuses, one["operationId"]
        if one["operationId"] not in PUBLIC:
            assert {"401", "403"} <= statuses, one["operationId"]
            assert one["security"], one["operationId"]
        for status, answer in one["responses"].items():
            if status[0] in "45":
                content = answer["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                codes = content["examples"]
                assert codes and {CATALOGUE[code].status for code in codes} == {int(status)}
        if any(parameter["in"] == "path" for parameter in one.get("parameters", ())):
            assert "404" in statuses, one["operationId"]


def test_waiting_is_announced_by_a_header(document: dict[str, Any]) -> None:
    token = document["paths"]["/api/auth/token"]["post"]["responses"]
    assert set(token["429"]["headers"]) == {"Retry-After"}
    harvest = document["paths"]["/api/instruments/{instrument_id}/harvest"]["post"]["responses"]
    assert set(harvest["503"]["headers"]) == {"Retry-After"}


def _secrets(value: Any, name: str = "") -> Iterator[Any]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _secrets(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from _secrets(part, name)
    elif name in SECRET_FIELDS:
        yield value


def test_no_example_holds_a_secret(document: dict[str, Any]) -> None:
    requests = [
        example["value"]
        for one in _operations(document)
        for _, content in _contents(one.get("requestBody", {}))
        for example in content["examples"].values()
    ]
    found = list(_secrets(requests))
    assert found
    assert [text for text in found if not (text.startswith("<") and text.endswith(">"))] == []
    for name, schema in document["components"]["schemas"].items():
        if name in ("Problem", "ExplanationRead", "CheckRead"):
            continue  # their code is the catalogue's
        for field in SECRET_FIELDS & set(schema.get("properties", {})):
            assert not {"examples", "example", "default"} & set(schema["properties"][field]), name


def test_secrets_go_in_only(document: dict[str, Any]) -> None:
    answers = {
        content["schema"]["$ref"].rpartition("/")[2]
        for one in _operations(document)
        for answer in one["responses"].values()
        for _, content in _contents(answer)
    }
    schemas = document["components"]["schemas"]
    shown = {
        (name, field)
        for name in answers
        for field in {"secret", "password", "value", "access_token"}
        & set(schemas[name].get("properties", {}))
    }
    # Made for the caller, shown once.
    assert shown == {("TokenCreated", "value"), ("BearerToken", "access_token")}
