"""The OpenAPI document: problems instead of FastAPI's own error shape, one place for security."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.schemas.base import Problem, ProblemField

_UNUSED = ("HTTPValidationError", "ValidationError")


def build_document(app: FastAPI) -> dict[str, Any]:
    """Return the document, made once for an application."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for name in _UNUSED:
            schemas.pop(name, None)
        template = "#/components/schemas/{model}"
        schemas["Problem"] = Problem.model_json_schema(ref_template=template)
        schemas["Problem"].pop("$defs", None)
        schemas["ProblemField"] = ProblemField.model_json_schema(ref_template=template)
        app.openapi_schema = document
    return app.openapi_schema
