"""People, their tokens and rights."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from app.schemas.base import Email, Input, Line, Name, Output, Page, Patch, UtcTime

TableName = Annotated[str, Field(max_length=60, pattern=r"^[A-Za-z0-9_.-]+$")]


class SetupRead(Output):
    """Whether the first admin is still to be made."""

    needed: bool


class SetupCreate(Input):
    """The first admin, and the one-time code that the server printed."""

    code: Line = Field(description="four groups of four, as printed")
    email: Email
    password: SecretStr = Field(min_length=1, max_length=1000)


class UserRead(Output):
    """A person. `is_superuser` is the admin role."""

    id: uuid.UUID
    email: str
    display_name: str
    is_active: bool
    is_superuser: bool
    created_at: datetime


class Preferences(Input):
    """How a person likes the page; null is the page's own choice."""

    locale: str | None = Field(default=None, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$")
    theme: Literal["light", "dark", "system"] | None = None
    density: Literal["comfortable", "compact"] | None = None
    columns: dict[TableName, list[TableName]] = Field(
        default_factory=dict, max_length=50, description="of each table, those that are shown"
    )


class MeRead(UserRead):
    """Who is calling, with how they like the page."""

    preferences: Preferences


class MePatch(Patch):
    """What changes about oneself. A new password needs the present one."""

    display_name: Line = ""
    password: SecretStr | None = Field(default=None, min_length=1, max_length=1000)
    current_password: SecretStr | None = Field(default=None, min_length=1, max_length=1000)
    preferences: Preferences = Field(default_factory=Preferences)


class UserPage(Page[UserRead]):
    """A page of people."""


class UserCreate(Input):
    """A new person."""

    email: Email
    password: SecretStr = Field(min_length=1, max_length=1000)
    display_name: Line = ""
    is_superuser: bool = False


class UserPatch(Patch):
    """What changes about a person; `is_active: false` signs them out everywhere."""

    email: Email = ""
    password: SecretStr | None = Field(default=None, min_length=1, max_length=1000)
    display_name: Line = ""
    is_superuser: bool = False
    is_active: bool = True


class TokenRead(Output):
    """A session of the page or a token of a program, without its value."""

    id: uuid.UUID
    kind: str = Field(description="session | token")
    name: str
    created_at: datetime
    expires_at: datetime | None


class OwnToken(TokenRead):
    """One of one's own; `current` is what this request came with."""

    current: bool


class TokenPage(Page[OwnToken]):
    """A page of tokens."""


class TokenCreate(Input):
    """A new token for a program."""

    name: Name = Field(examples=["nightly script"])
    expires_at: UtcTime | None = None


class TokenCreated(TokenRead):
    """A new token with its value, which is never shown again."""

    value: str


class BearerToken(Output):
    """The answer to a sign-in by a program."""

    access_token: str
    token_type: str = "bearer"


class GrantRead(Output):
    """The right of a person to see an instrument."""

    user_id: uuid.UUID
    instrument_id: uuid.UUID
    granted_by: uuid.UUID | None
    created_at: datetime


class GrantedUser(GrantRead):
    """A right with the person's name."""

    email: str
    display_name: str


class GrantList(Output):
    """Who may see an instrument."""

    items: list[GrantedUser]
