"""Registers proven versions in SciCat: a raw dataset, and a list of files with their checksums.

Asked again, nothing is there twice. The dataset is looked for first, by its pid when the
configuration makes pids, otherwise by a keyword made of what `dataset` says; then the file in it.
Order: dataset, then file list; a kill between the two leaves a dataset that the next run completes.
Two processes that create the same dataset at once make two, unless the configuration makes pids.
"""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field, JsonValue, SecretStr, model_validator

from app.hooks.builtin.calls import CallFailed, NetworkConfig, Url
from app.hooks.builtin.patience import Patience, Waiting
from app.hooks.builtin.scicat_api import SciCat
from app.hooks.builtin.templates import NoValue, Template, fill
from app.hooks.builtin.values import ValueSources
from streamweave_sdk.hooks import PostAnswer, PostTransfer, Reader, VersionFacts

_NAMESPACE = uuid.UUID("6f1c3c0e-6a43-5f0e-9a5e-3d6f1f0f4d11")
_OPTIONAL = {
    "description": "description", "data_format": "dataFormat", "proposal_id": "proposalId",
    "sample_id": "sampleId", "instrument_id": "instrumentId", "owner_email": "ownerEmail",
}  # fmt: skip
_REQUIRED = {
    "dataset_name": "datasetName", "owner": "owner", "contact_email": "contactEmail",
    "principal_investigator": "principalInvestigator", "owner_group": "ownerGroup",
    "creation_location": "creationLocation", "source_folder": "sourceFolder",
}  # fmt: skip


class ScicatConfig(NetworkConfig, ValueSources, Waiting):
    """Which SciCat, as whom, and what stands in its fields."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: Url = Field(
        description="the API's address", examples=["https://scicat.example.org/api/v3"]
    )
    token: SecretStr | None = Field(default=None, description="instead of name and password")
    username: str = Field(default="", max_length=200, description="who signs in")
    password: SecretStr | None = Field(default=None, description="of that user")
    dataset: Template = Field(
        default="{key}",
        description="files for which this is the same share a dataset; '{key}': one for each "
        "version, '{instrument}/{folder}': one for each folder",
    )
    pid_prefix: str = Field(
        default="", max_length=200, pattern=r"^[A-Za-z0-9._/-]*$",
        description="makes pids below it; SciCat must allow that to the user; empty: SciCat does",
    )  # fmt: skip
    dataset_name: Template = Field(default="{name}", description="shown in SciCat")
    owner: Template = Field(description="names of people, ';' between them")
    owner_group: Template = Field(description="the group that owns it in SciCat")
    access_groups: list[Template] = Field(
        default_factory=list, max_length=50, description="groups that may read it"
    )
    contact_email: Template = Field(description="whom to ask")
    principal_investigator: Template = Field(description="first and last name")
    creation_location: Template = Field(
        examples=["/Facility/Microscopy/{instrument}"], description="where it was measured"
    )
    source_folder: Template = Field(
        default="/{instrument}/{folder}", description="where the files are, for people in SciCat"
    )
    file_path: Template = Field(default="{name}", description="the file's, below source_folder")
    owner_email: Template | None = Field(
        default=None, description="the owner's address; left out without its values"
    )
    description: Template | None = Field(
        default=None, description="free words; left out without its values"
    )
    data_format: Template | None = Field(
        default=None, description="of the files; left out without its values"
    )
    proposal_id: Template | None = Field(
        default=None, description="SciCat's id of the proposal; left out without its values"
    )
    sample_id: Template | None = Field(
        default=None, description="SciCat's id of the sample; left out without its values"
    )
    instrument_id: Template | None = Field(
        default=None, description="SciCat's id of the instrument; left out without its values"
    )
    keywords: list[Template] = Field(
        default_factory=list, max_length=50, description="those without their values are left out"
    )
    scientific_metadata: bool = Field(
        default=True, description="values of 'patterns' and 'sidecars' as scientific metadata"
    )
    metadata_as: str = Field(
        default="scicat_pid", max_length=100, description="the metadata field for the pid"
    )

    @model_validator(mode="after")
    def _can_sign_in(self) -> "ScicatConfig":
        if (self.token is None) == (not self.username or self.password is None):
            raise ValueError("Give either a token, or a username with its password.")
        return self


class Scicat(PostTransfer[ScicatConfig]):
    """Registers proven versions in a SciCat catalogue: raw dataset, file and checksum."""

    def __init__(self, config: ScicatConfig) -> None:
        super().__init__(config)
        self._patience = Patience(config)
        password = config.password.get_secret_value() if config.password else ""
        token = config.token.get_secret_value() if config.token else ""
        self._scicat = SciCat(config, config.url, token, (config.username, password))

    def run(self, version: VersionFacts, reader: Reader) -> PostAnswer:
        """Create or complete the dataset, then its list of files; answer the pid."""
        values, absent = self.config.values_of(version, reader)
        if absent:
            self._patience.wait_for(f"The sidecar ({absent[0]})", version)
        wanted = self._dataset(version, values)
        pid = self._registered(wanted)
        self._list_file(pid, wanted, fill(self.config.file_path, version, values), version)
        metadata: dict[str, JsonValue] = {}
        if self.config.metadata_as:
            metadata[self.config.metadata_as] = pid
        return PostAnswer(metadata=metadata)

    def _dataset(self, version: VersionFacts, values: Mapping[str, JsonValue]) -> dict[str, Any]:
        config = self.config
        made: dict[str, Any] = {
            name: fill(getattr(config, field), version, values) for field, name in _REQUIRED.items()
        }
        for field, name in _OPTIONAL.items():
            template = getattr(config, field)
            try:
                if template is not None:
                    made[name] = fill(template, version, values)
            except NoValue as error:
                self.log.info("No %s: %s", name, error)
        shared = fill(config.dataset, version, values)
        mark = "streamweave:" + hashlib.sha256(shared.encode()).hexdigest()[:32]
        keywords = []
        for template in config.keywords:
            try:
                keywords.append(fill(template, version, values))
            except NoValue as error:
                self.log.info("No keyword '%s': %s", template, error)
        made |= {
            "type": "raw",
            "creationTime": version.modified_at.isoformat(),
            "accessGroups": [fill(one, version, values) for one in config.access_groups],
            "keywords": [*dict.fromkeys(keywords), mark],
            "scientificMetadata": self._scientific(version, values),
        }
        if config.pid_prefix:
            made["pid"] = f"{config.pid_prefix.rstrip('/')}/{uuid.uuid5(_NAMESPACE, shared)}"
        return made

    def _scientific(
        self, version: VersionFacts, values: Mapping[str, JsonValue]
    ) -> dict[str, JsonValue]:
        told = dict(values) if self.config.scientific_metadata else {}
        if self.config.dataset == "{key}":  # several files have no one identifier
            told["streamweave_identifier"] = version.identifier
        # SciCat reads a mapping with these two names as a quantity; '.' and '$' are MongoDB's.
        return {
            name.replace(".", "_").replace("$", "_"): {"value": value, "unit": ""}
            for name, value in told.items()
        }

    def _registered(self, wanted: Mapping[str, Any]) -> str:
        """Return the pid of the dataset, which is there when this returns."""
        where = {"pid": wanted["pid"]} if "pid" in wanted else {"keywords": wanted["keywords"][-1]}
        found = self._scicat.datasets(where)
        if not found:
            made = self._scicat.create_dataset(wanted)
            if made is not None:
                return _text(made, "pid")
            found = self._scicat.datasets(where)  # another process was faster
            if not found:
                raise CallFailed(
                    f"SciCat has a dataset '{wanted.get('pid')}' already, and does not show it to "
                    "this user."
                )
        known = found[0]
        pid = _text(known, "pid")
        old = known.get("scientificMetadata")
        old = old if isinstance(old, dict) else {}
        # What SciCat made of a quantity (value in SI) stays: only new values are sent.
        new = {
            name: quantity
            for name, quantity in wanted["scientificMetadata"].items()
            if not isinstance(old.get(name), dict) or old[name].get("value") != quantity["value"]
        }
        if new:
            self._scicat.update_dataset(pid, {"scientificMetadata": {**old, **new}})
        return pid

    def _list_file(
        self, pid: str, dataset: Mapping[str, Any], path: str, version: VersionFacts
    ) -> None:
        """See that the file stands in a list of the dataset, with its newest checksum."""
        file = {
            "path": path,
            "size": version.size_bytes,
            "time": version.modified_at.isoformat(),
            "chk": version.sha256,
        }
        block = {"size": version.size_bytes, "chkAlg": "sha256", "dataFileList": [file]}
        for known in self._scicat.origdatablocks(pid, path):
            files = known.get("dataFileList")
            files = files if isinstance(files, list) else []
            same = [one for one in files if isinstance(one, dict) and one.get("path") == path]
            if any(one.get("chk") == version.sha256 for one in same):
                return
            if len(files) == 1 and len(same) == 1:  # a list of ours, of an earlier version
                id_ = known.get("_id") or known.get("id")
                self._scicat.update_origdatablock(str(id_), block)
                return
        self._scicat.create_origdatablock({
            **block, "datasetId": pid, "ownerGroup": dataset["ownerGroup"],
            "accessGroups": dataset["accessGroups"],
        })  # fmt: skip


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise CallFailed(f"SciCat answered a dataset without '{name}'.")
    return value
