"""Tells another service of each proven version, signed as Standard Webhooks say.

The id is made of the version's key: a repeat has the same, and a receiver that keeps ids hears
nothing twice. With several secrets there are several signatures, so that a receiver can change its
own without a gap.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from app.hooks.builtin.calls import NetworkConfig, Url, refuse_failures
from app.hooks.builtin.templates import facts_of
from streamweave_sdk.hooks import PostAnswer, PostTransfer, Reader, StopAsking, VersionFacts

_PREFIX = "whsec_"
_GONE = 410


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)


def _is_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        fits = text.startswith(_PREFIX) and 24 <= len(_key(text)) <= 64
    except binascii.Error:
        fits = False
    if not fits:
        raise ValueError("A secret is 'whsec_' and the base64 of 24 to 64 random bytes.")
    return secret


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signatures of a message, one for each secret."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()
        for secret in secrets
    )


def message_id(key: str) -> str:
    """Return the id of the message about a version: the same for each repeat."""
    return "msg_" + hashlib.sha256(key.encode()).hexdigest()[:32]


class WebhookConfig(NetworkConfig):
    """Who is told, and how it knows that we did."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: Url = Field(description="where the message is posted")
    secrets: list[Annotated[SecretStr, AfterValidator(_is_secret)]] = Field(
        min_length=1, max_length=5,
        description="'whsec_...'; each signs, so that a new one can be added before the old goes",
    )  # fmt: skip
    type: str = Field(
        default="file.version.proven", pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$",
        max_length=100, description="the message's type",
    )  # fmt: skip
    extra: dict[str, str] = Field(
        default_factory=dict, max_length=50, description="fixed values, sent with each message"
    )


class Webhook(PostTransfer[WebhookConfig]):
    """Posts a signed message about each proven version (Standard Webhooks)."""

    def run(self, version: VersionFacts, reader: Reader) -> PostAnswer:
        """Send the message; what the receiver does not take is asked again or a failure.

        Raises:
            StopAsking: the receiver wants no more (410).
        """
        now = datetime.now(UTC)
        body = self._body(version, now)
        id_, timestamp = message_id(version.key), int(now.timestamp())
        secrets = [secret.get_secret_value() for secret in self.config.secrets]
        headers = {
            "content-type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(secrets, id_, timestamp, body),
        }
        response = self.config.call("POST", self.config.url, headers, body, most_bytes=64 << 10)
        self.log.info("%s: answered %d", id_, response.status)
        if response.status == _GONE:
            raise StopAsking("The receiver answered 410 Gone: it wants no more messages.")
        refuse_failures(response, "The receiver")
        return PostAnswer()

    def _body(self, version: VersionFacts, now: datetime) -> bytes:
        facts = facts_of(version)
        told = ("instrument", "path", "name", "size_bytes", "version", "identifier", "sha256")
        message = {
            "type": self.config.type,
            "timestamp": now.isoformat(),
            "data": {
                **{name: self.config.extra[name] for name in sorted(self.config.extra)},
                **{name: facts[name] for name in told},
                "modified_at": version.modified_at.isoformat(),
            },
        }
        return json.dumps(message, separators=(",", ":")).encode()
