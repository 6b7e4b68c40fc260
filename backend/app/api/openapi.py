"""The OpenAPI document: problems instead of FastAPI's own error shape, examples, tags."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.csv_answer import CSV_SCHEMA
from app.api.downloads import CONTENT_SCHEMAS
from app.api.examples import REQUESTS, answer_example
from app.schemas.base import Problem, ProblemField
from app.schemas.events import LiveEvent, StreamPosition

_UNUSED = ("HTTPValidationError", "ValidationError")
_TEMPLATE = "#/components/schemas/{model}"
# FastAPI names a form after its route.
_FORMS = ("Body_login", "Body_createBearerToken")
TAGS = {
    "accounts": "Service accounts: credentials for instruments. Secrets go in, never out.",
    "audit": "Who did what, when; sealed into a chain that can be computed anew.",
    "auth": "Signing in and out.",
    "events": "What changes, live.",
    "files": "Files of the instruments, their versions, copies and evidence.",
    "hooks": "A facility's own rules: which there are, where they hold, what they said.",
    "instruments": "What makes data, how it is reached, where its files go.",
    "overview": "What a person sees first.",
    "runs": "Harvests that run or ran.",
    "schedules": "When instruments are harvested.",
    "setup": "The first admin.",
    "storage": "Places to deliver to.",
    "system": "Health and state of the installation.",
    "tokens": "Sessions and tokens of one's own.",
    "transfers": "Copies as work: attempts, evidence, another try.",
    "users": "People.",
}


def build_document(app: FastAPI) -> dict[str, Any]:
    """Return the document, made once for an application."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=app.description,
            routes=app.routes,
            tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for name in _UNUSED:
            schemas.pop(name, None)
        schemas["Problem"] = Problem.model_json_schema(ref_template=_TEMPLATE)
        schemas["Problem"].pop("$defs", None)
        schemas.update(CSV_SCHEMA)
        schemas.update(CONTENT_SCHEMAS)
        for model in (ProblemField, LiveEvent, StreamPosition):
            schemas[model.__name__] = model.model_json_schema(ref_template=_TEMPLATE)
        _name_forms(document, schemas)
        asked = set(_add_request_examples(document))
        _add_answer_examples(schemas, asked)
        app.openapi_schema = document
    return app.openapi_schema


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def _bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from operation.get("requestBody", {}).get("content", {}).values()


def _name_forms(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    form = {}
    for name in _FORMS:
        form = schemas.pop(name)
    schemas["SignInForm"] = {
        **form, "title": "SignInForm", "description": "An e-mail address and its password."
    }  # fmt: skip
    for operation in _operations(document):
        for body in _bodies(operation):
            if body["schema"].get("$ref", "").endswith(_FORMS):
                body["schema"] = {"$ref": _TEMPLATE.format(model="SignInForm")}


def _add_request_examples(document: dict[str, Any]) -> Iterator[str]:
    """Add whole examples to requests; yield the names of their schemas."""
    for operation in _operations(document):
        for body in _bodies(operation):
            body["examples"] = {
                summary.replace(" ", "_").replace(":", ""): {"summary": summary, "value": value}
                for summary, value in REQUESTS[operation["operationId"]].items()
            }
            yield body["schema"]["$ref"].rpartition("/")[2]


def _add_answer_examples(schemas: dict[str, Any], asked: set[str]) -> None:
    for name, schema in schemas.items():
        for field, value in schema.get("properties", {}).items():
            told = {"examples", "$ref", "default"} & set(value)
            examples = [] if told or name in asked else answer_example(name, field)
            if examples:
                value["examples"] = examples
