"""Verifies what webhooks send (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Mapping

from pydantic import TypeAdapter, ValidationError

from .errors import WebhookVerificationError
from .models import EventPayload, UnknownEventPayload

__all__ = ["verify"]

PREFIX = "whsec_"

_payload: TypeAdapter[EventPayload] = TypeAdapter(EventPayload)


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secrets: str | Iterable[str],
    *,
    tolerance: float = 300,
    now: float | None = None,
) -> EventPayload:
    """The event that a message tells of, when it was signed by one of the secrets and is not too old.

    Args:
        body: The body as it was received, byte for byte: verify before anything reads it as JSON.
        headers: The headers of the request, with their names in any case.
        secrets: The secret of the webhook, or, while it is rotated, both.
        tolerance: For how many seconds a message is good, before and after the time that it names.
        now: The time in Unix seconds; that of the clock when left out.

    Raises:
        WebhookVerificationError: Its `reason` says what is wrong.
    """
    given = {name.lower(): value for name, value in headers.items()}
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        if not given.get(name):
            raise WebhookVerificationError("missing_header", f"the header {name} is missing")
    at = _seconds(given["webhook-timestamp"])
    age = (time.time() if now is None else now) - at
    if age > tolerance:
        raise WebhookVerificationError("timestamp_too_old", f"the message is {age:.0f} s old")
    if age < -tolerance:
        raise WebhookVerificationError("timestamp_too_new", f"the message is of a time {-age:.0f} s ahead")
    keys = [_key(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    if not keys:
        raise WebhookVerificationError("invalid_secret", "there is no secret")
    content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
    signed = f"{given['webhook-id']}.{at}.".encode("utf-8", "surrogatepass") + content
    if not _matches(keys, signed, given["webhook-signature"]):
        raise WebhookVerificationError("no_matching_signature", "no signature of this message is by the secret")
    return _read(content)


def _read(content: bytes) -> EventPayload:
    """An event; of one in a form that this version does not know, all that it holds."""
    try:
        return _payload.validate_json(content)
    except ValidationError:
        try:
            return UnknownEventPayload.model_validate_json(content)
        except ValidationError as error:
            raise WebhookVerificationError("invalid_payload", "the body is no event") from error


def _seconds(text: str) -> int:
    """Unix seconds in the one form that senders write, so that what is verified is what was sent."""
    if not re.fullmatch(r"0|-?[1-9][0-9]{0,18}", text) or not -(2**63) <= int(text) < 2**63:
        raise WebhookVerificationError("invalid_timestamp", "webhook-timestamp is no time in Unix seconds")
    return int(text)


def _key(secret: str) -> bytes:
    """The bytes of a secret: behind whsec_ stands base64, and any other text is the secret itself."""
    if secret.startswith(PREFIX):
        encoded = secret[len(PREFIX) :]
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if base64.b64encode(key).decode() != encoded:
            key = b""
    else:
        key = secret.encode("utf-8", "surrogatepass")
    if not 24 <= len(key) <= 64:
        raise WebhookVerificationError(
            "invalid_secret", "a secret is 24 to 64 bytes long, or whsec_ and the base64 of so many"
        )
    return key


def _matches(keys: list[bytes], signed: bytes, signatures: str) -> bool:
    """Whether one of the signatures is right, in a time that does not tell how much of it is."""
    found = False
    for key in keys:
        want = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        for signature in signatures.split(" "):
            found |= hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), want)
    return found
