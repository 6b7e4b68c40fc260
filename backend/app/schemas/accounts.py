"""Service accounts: the secret goes in, never out."""

import uuid
from datetime import datetime
from typing import Literal

from pydantic import Field, SecretStr

from app.schemas.base import Input, Line, Name, Output, Page, Patch, UsedBy

SecretKind = Literal["password", "private_key", "access_key"]


class ServiceAccountRead(Output):
    """Credentials for sources, without their secret."""

    id: uuid.UUID
    name: str
    username: str
    secret_kind: str
    secret_version: int
    proven_version: int = Field(description="the newest secret version that logged on")
    refused_version: int = Field(description="the secret version that was refused, or 0")
    refused_at: datetime | None
    used_by: list[UsedBy] = Field(default_factory=list, description="instruments, by name")
    revision: int
    created_at: datetime
    updated_at: datetime


class ServiceAccountPage(Page[ServiceAccountRead]):
    """A page of service accounts."""


class ServiceAccountCreate(Input):
    """A new service account. For S3, user name and secret are the two keys."""

    name: Name = Field(examples=["reader of TEM-2"])
    username: Line = Field(min_length=1, examples=["svc-tem2"])
    secret_kind: SecretKind = "password"
    secret: SecretStr = Field(min_length=1, max_length=20000)


class ServiceAccountPatch(Patch):
    """What changes; a new secret may log on again after a refusal."""

    name: Name = ""
    username: Line = Field(default="", min_length=1)
    secret_kind: SecretKind = "password"
    secret: SecretStr | None = Field(default=None, min_length=1, max_length=20000)
