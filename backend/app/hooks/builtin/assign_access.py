"""Who may see a file: its owner, found in the path or in a sidecar, by exact rules."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from app.hooks.builtin.patience import Patience, Waiting
from app.hooks.builtin.templates import NoValue, Template, fill
from app.hooks.builtin.values import ValueSources
from streamweave_sdk.hooks import (
    Access,
    Config,
    Notice,
    PostAnswer,
    PostTransfer,
    Reader,
    VersionFacts,
)

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def _is_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text) or len(text) > 320:
        raise ValueError(f"'{text}' is no e-mail address.")
    return text


Email = Annotated[str, AfterValidator(_is_address)]


class OwnerRule(Config):
    """How an owner is found, and which e-mail addresses are meant."""

    name: str = Field(min_length=1, max_length=100)
    owner: Template = Field(
        description="what names the owner; a rule without a value for it is passed over",
        examples=["{user}", "{group}/{user}"],
    )
    emails: dict[str, list[Email]] = Field(
        default_factory=dict, max_length=5000, description="owner -> e-mail addresses"
    )
    email: Template | None = Field(
        default=None, description="makes the address instead of the map",
        examples=["{user}@example.org"],
    )  # fmt: skip
    domains: list[str] = Field(
        default_factory=list, max_length=100,
        description="the only domains of made addresses; empty: any",
    )  # fmt: skip
    ignore_case: bool = Field(default=False, description="of the owner, in the map")

    @model_validator(mode="after")
    def _has_one_way(self) -> "OwnerRule":
        if bool(self.emails) == (self.email is not None):
            raise ValueError("A rule has either a map of 'emails' or a template 'email'.")
        return self

    def emails_of(
        self, owner: str, version: VersionFacts, values: dict[str, JsonValue]
    ) -> list[str]:
        """Return the addresses of an owner, none when it is unknown."""
        if self.email is None:
            if not self.ignore_case:
                return self.emails.get(owner, [])
            known = {name.casefold(): emails for name, emails in self.emails.items()}
            return known.get(owner.casefold(), [])
        try:
            made = _is_address(fill(self.email, version, values))
        except ValueError:  # also NoValue: nobody can be meant
            return []
        domain = made.rpartition("@")[2].casefold()
        return [made] if not self.domains or domain in map(str.casefold, self.domains) else []


class AssignAccessConfig(ValueSources, Waiting):
    """How owners are found."""

    rules: list[OwnerRule] = Field(min_length=1, max_length=200, description="tried in their order")
    take: Literal["first", "all"] = Field(
        default="first", description="the first rule that knows the owner, or all that do"
    )
    no_owner: Literal["nothing", "notice"] = Field(
        default="notice", description="what becomes of a file in which no rule finds an owner"
    )
    owner_as: str = Field(
        default="", max_length=100, description="the metadata field that names the owner"
    )


class AssignAccess(PostTransfer[AssignAccessConfig]):
    """Gives access to the owner that the path or a sidecar names, by exact rules."""

    def __init__(self, config: AssignAccessConfig) -> None:
        super().__init__(config)
        self._patience = Patience(config)

    def run(self, version: VersionFacts, reader: Reader) -> PostAnswer:
        """Answer who has access; owners that are in no map are shown."""
        config = self.config
        values, absent = config.values_of(version, reader)
        if absent:
            self._patience.wait_for(f"The sidecar ({absent[0]})", version)
        emails: list[str] = []
        known: list[str] = []
        unknown: dict[str, str] = {}
        for rule in config.rules:
            try:
                owner = fill(rule.owner, version, values).strip()
            except NoValue:
                continue
            found = rule.emails_of(owner, version, values) if owner else []
            if not found:
                unknown.setdefault(owner, rule.name)
                continue
            known.append(owner)
            emails += [email for email in found if email not in emails]
            if config.take == "first":
                unknown.clear()
                break
        owner_as = known or list(unknown)
        return PostAnswer(
            access=[Access(email=email) for email in emails[:100]],
            metadata={config.owner_as: owner_as[0]} if config.owner_as and owner_as else {},
            notices=self._notices(unknown, bool(known), absent),
        )

    def _notices(self, unknown: dict[str, str], found: bool, absent: list[str]) -> list[Notice]:
        texts = [
            f"The owner '{owner:.300}' is unknown to the rule '{rule}': nobody got access by it."
            for owner, rule in list(unknown.items())[:10]
        ]
        if not found and not unknown and self.config.no_owner == "notice":
            texts.append("No rule finds an owner: nobody got access.")
        if absent and not found and self.config.when_missing != "nothing":
            texts.append(f"There is no sidecar {' and no '.join(absent):.1500}.")
        return [Notice(level="warning", text=text) for text in texts]
