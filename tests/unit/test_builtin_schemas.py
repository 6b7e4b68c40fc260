"""All hooks that come with StreamWeave: forms can be made of them, and they cost no start."""

import subprocess
import sys
from typing import Any

import pytest

from app.hooks.builtin import BUILTIN
from app.hooks.registry import known_hooks
from streamweave_sdk.hooks import Hook, PostTransfer

AFTER = [hook for hook in BUILTIN if issubclass(hook, PostTransfer)]
HEAVY = ("numpy", "h5py", "PIL", "tifffile", "nmrglue", "pymzml", "rsciio", "scipy", "dask",
         "yaml", "httpcore", "httpx", "certifi")  # fmt: skip


def test_each_has_a_name_and_is_known() -> None:
    known = known_hooks(None)
    assert {hook.name for hook in BUILTIN} <= set(known.hooks)
    assert known.problems == {}
    assert len({hook.name for hook in BUILTIN}) == len(BUILTIN)


@pytest.mark.parametrize("hook", AFTER, ids=lambda hook: str(hook.name))
def test_a_form_says_what_each_field_means(hook: type[Hook[Any]]) -> None:
    assert (hook.__doc__ or "").strip()
    schema = hook.config_model.model_json_schema()
    properties = schema["properties"]
    silent = [
        name
        for name, field in properties.items()
        if not field.get("description") and not field.get("enum") and "$ref" not in field
    ]
    assert silent == []


CONFIGS: dict[str, dict[str, Any]] = {
    "path-metadata": {"patterns": [
        {"name": "a", "template": "{x:int}.raw"}, {"name": "b", "regex": "(?P<y>.)"},
    ]},
    "sidecar-metadata": {
        "sidecar": {"paths": ["{stem}.json"]}, "fields": [{"name": "a", "at": "a"}],
    },
    "assign-access": {"rules": [{"name": "a", "owner": "{name}", "emails": {"a": ["a@b.org"]}}]},
    "webhook": {"url": "https://example.org", "secrets": ["whsec_" + "A" * 32]},
    "http-call": {"url": "https://example.org/{x}", "secret_headers": {"Authorization": "x"}},
    "scicat": {
        "url": "https://example.org/api/v3", "token": "x", "owner": "a", "owner_group": "a",
        "contact_email": "a@b.org", "principal_investigator": "a", "creation_location": "a",
    },
}  # fmt: skip


@pytest.mark.parametrize("hook", AFTER, ids=lambda hook: str(hook.name))
def test_a_stored_configuration_is_read_again(hook: type[Hook[Any]]) -> None:
    made = hook.config_model.model_validate(CONFIGS.get(hook.name, {}))
    again = hook.config_model.model_validate({**made.model_dump(mode="json"), **_secrets(made)})
    assert again == made


def _secrets(config: Any) -> dict[str, Any]:
    """Return the fields with secrets as they are: the server stores these apart."""
    given: dict[str, Any] = CONFIGS["webhook"] | CONFIGS["http-call"] | CONFIGS["scicat"]
    return {
        name: given[name]
        for name in ("secrets", "secret_headers", "token")
        if getattr(config, name, None)
    }


def test_each_is_described() -> None:
    with open("docs/hooks-builtin.md", encoding="utf-8") as page:
        text = page.read()
    assert [hook.name for hook in BUILTIN if f"`{hook.name}`" not in text] == []


def test_knowing_them_imports_none_of_their_libraries() -> None:
    code = f"import sys, app.hooks.builtin; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"
