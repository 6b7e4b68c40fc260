"""Calls another service's API about each proven version: a notebook, a LIMS, a catalogue.

Address, headers and body are templates. A value never changes where a call goes: in the address it
is encoded, and the host is fixed.
"""

import hashlib
import json
import string
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, SecretStr

from app.hooks.builtin.bounds import Bounded
from app.hooks.builtin.calls import (
    CallFailed,
    NetworkConfig,
    Response,
    checked_url,
    refuse_failures,
)
from app.hooks.builtin.patience import Patience, Waiting
from app.hooks.builtin.pointers import Chosen
from app.hooks.builtin.templates import NoValue, Template, facts_of, fields, fill
from app.hooks.builtin.values import ValueSources
from streamweave_sdk.hooks import Notice, PostAnswer, PostTransfer, Reader, VersionFacts

_DEEPEST = 20
_OWN_HEADERS = {"host", "content-length", "transfer-encoding", "connection"}


def _is_url_template(text: str) -> str:
    host_ends = text.find("/", text.find("://") + 3)
    host = text if host_ends < 0 else text[:host_ends]
    if "{" in host:
        raise ValueError("The host stands there as it is; fields come after it.")
    fields(text)
    parts = string.Formatter().parse(text)
    checked_url("".join(literal + ("" if name is None else "x") for literal, name, *_ in parts))
    return text


def _are_body_templates(body: JsonValue, depth: int = 0) -> JsonValue:
    if depth > _DEEPEST:
        raise ValueError("The body is nested too deeply.")
    if isinstance(body, str):
        fields(body)
    elif isinstance(body, list):
        for one in body:
            _are_body_templates(one, depth + 1)
    elif isinstance(body, dict):
        for one in body.values():
            _are_body_templates(one, depth + 1)
    return body


def _are_header_names(headers: dict[str, str]) -> dict[str, str]:
    for name in headers:
        if name.lower() in _OWN_HEADERS or not name.replace("-", "").isalnum():
            raise ValueError(f"'{name}' is no header that can be set.")
    return headers


def _are_secret_names(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    _are_header_names(dict.fromkeys(headers, ""))
    return headers


class HttpCallConfig(NetworkConfig, ValueSources, Waiting):
    """What is called, and what its answer means."""

    model_config = ConfigDict(hide_input_in_errors=True)

    method: Literal["GET", "POST", "PUT", "PATCH"] = "POST"
    url: Annotated[
        str,
        Field(min_length=1, max_length=2000, examples=["https://eln.example.org/api/{sample}"]),
        AfterValidator(_is_url_template),
    ] = Field(description="fields after the host are filled in, encoded")
    headers: Annotated[dict[str, Template], AfterValidator(_are_header_names)] = Field(
        default_factory=dict, max_length=50, description="name -> value; values are templates"
    )
    secret_headers: Annotated[dict[str, SecretStr], AfterValidator(_are_secret_names)] = Field(
        default_factory=dict, max_length=10, examples=[{"Authorization": "Bearer ..."}],
        description="sent as they are and never shown",
    )  # fmt: skip
    body: Annotated[JsonValue, AfterValidator(_are_body_templates)] = Field(
        default=None, examples=[{"title": "{name}", "run": "{run}"}],
        description="JSON whose texts are templates; '{run}' alone keeps the value's type",
    )  # fmt: skip
    also_fine: list[int] = Field(
        default_factory=list, max_length=20, description="statuses that are no failure, as 409"
    )
    answer_fields: list[Chosen] = Field(
        default_factory=list, max_length=100, description="what of a JSON answer becomes metadata"
    )


class HttpCall(PostTransfer[HttpCallConfig]):
    """Calls an HTTP API about each proven version; its answer may become metadata."""

    def __init__(self, config: HttpCallConfig) -> None:
        super().__init__(config)
        self._patience = Patience(config)

    def run(self, version: VersionFacts, reader: Reader) -> PostAnswer:
        """Call, and answer what the configuration takes of what came back."""
        config = self.config
        values, absent = config.values_of(version, reader)
        if absent:
            self._patience.wait_for(f"The sidecar ({absent[0]})", version)
        try:
            url = _filled_url(config.url, version, values)
            headers = {name: fill(text, version, values) for name, text in config.headers.items()}
            body = None if config.body is None else filled_body(config.body, version, values)
        except NoValue as error:
            if not absent:
                raise
            if config.when_missing == "nothing":
                return PostAnswer()
            text = f"Not called: there is no sidecar {absent[0]:.800}. {error}"
            return PostAnswer(notices=[Notice(level="warning", text=text)])
        content = None if config.body is None else json.dumps(body).encode()
        sent = {
            **({} if content is None else {"content-type": "application/json"}),
            "accept": "application/json",
            "idempotency-key": f'"{hashlib.sha256(version.key.encode()).hexdigest()[:32]}"',
            **{name.lower(): text for name, text in headers.items()},
            **{n.lower(): one.get_secret_value() for n, one in config.secret_headers.items()},
        }
        response = config.call(config.method, url, sent, content)
        self.log.info("%s %s: answered %d", config.method, url, response.status)
        if response.status not in config.also_fine:
            refuse_failures(response, f"'{urlsplit(url).hostname}'")
        return self._taken(response)

    def _taken(self, response: Response) -> PostAnswer:
        if not self.config.answer_fields:
            return PostAnswer()
        try:
            tree = json.loads(response.body)
        except (ValueError, RecursionError) as error:
            raise CallFailed(f"Its answer is no JSON: {response.text()}") from error
        bounded = Bounded()
        metadata: dict[str, JsonValue] = {}
        missing = []
        for chosen in self.config.answer_fields:
            is_there, value = chosen.of(tree)
            if is_there:
                bounded.add(metadata, chosen.name, value)
            else:
                missing.append(f"'{chosen.at}'")
        notices = bounded.notices()
        if missing:
            text = f"The answer has nothing at {', '.join(missing)}."
            notices.append(Notice(level="warning", text=text[:2000]))
        return PostAnswer(metadata=metadata, notices=notices)


def _filled_url(text: str, version: VersionFacts, values: Mapping[str, JsonValue]) -> str:
    """Return the address; what is filled in can add neither a part of a path nor a parameter."""
    url = fill(text, version, values, lambda value: quote(value, safe=""))
    # A value that is '..' would lead elsewhere on the same host.
    if any(part in {".", ".."} for part in urlsplit(url).path.split("/")):
        raise CallFailed(f"'{url:.300}' leads to another place.")
    return url


def filled_body(
    body: JsonValue, version: VersionFacts, values: Mapping[str, JsonValue]
) -> JsonValue:
    """Return the body with its texts filled; a field that stands alone keeps its type.

    Raises:
        NoValue: there is no value for a field.
    """
    if isinstance(body, list):
        return [filled_body(one, version, values) for one in body]
    if isinstance(body, dict):
        return {name: filled_body(one, version, values) for name, one in body.items()}
    if not isinstance(body, str):
        return body
    names = fields(body)
    if len(names) == 1 and body == "{" + names[0] + "}" and names[0] != "modified":
        known = {**values, **facts_of(version)}
        if known.get(names[0]) is None:
            raise NoValue(f"There is no value for '{body}'.")
        return known[names[0]]
    return fill(body, version, values)
