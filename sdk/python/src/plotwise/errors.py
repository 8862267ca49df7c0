"""What goes wrong: one class for each status, and for what never got an answer."""

from __future__ import annotations

import http
import json
from collections.abc import Sequence
from typing import Any, ClassVar

import httpx
from pydantic import ValidationError

from .models import ErrorCode, ErrorDetail

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "ContentTooLargeError",
    "GoneError",
    "InternalServerError",
    "MethodNotAllowedError",
    "NotFoundError",
    "PermissionDeniedError",
    "PlotwiseError",
    "PreconditionFailedError",
    "RateLimitError",
    "UnprocessableEntityError",
    "UnsupportedMediaTypeError",
    "WebhookVerificationError",
]


class PlotwiseError(Exception):
    """Every error of this library, and what a client cannot be made or called with."""


class APIConnectionError(PlotwiseError):
    """No whole answer came: no connection could be made, or it broke."""


class APITimeoutError(APIConnectionError):
    """No whole answer came in the time for one attempt, or in total."""


class APIError(PlotwiseError):
    """An answer that is no success."""

    status: int
    """The HTTP status."""

    code: ErrorCode
    """What happened, for programs; "" when the answer is not the API's."""

    message: str
    """What happened, for people; the status when the answer is not the API's."""

    request_id: str
    """What to quote to support; "" when the answer names none."""

    doc_url: str
    """Where the code is documented; "" when the answer is not the API's."""

    details: list[ErrorDetail]
    """One for each thing that has to change."""

    headers: httpx.Headers
    """The headers of the answer."""

    body: Any
    """The body: what its JSON holds, or else its text."""

    of_status: ClassVar[dict[int, type[APIError]]] = {}

    def __init__(self, status: int, headers: httpx.Headers, content: bytes, message: str = "") -> None:
        self.status, self.headers = status, headers
        self.body = _read(content)
        error = self.body.get("error") if isinstance(self.body, dict) else None
        if not isinstance(error, dict) or not isinstance(error.get("code"), str):
            error = {}
        self.code = error.get("code", "")
        self.message = message or str(error.get("message") or _phrase(status))
        self.request_id = str(error.get("request_id") or headers.get("x-request-id", ""))
        self.doc_url = str(error.get("doc_url") or "")
        self.details = _details(error.get("details"))
        super().__init__(status, headers, content, message)

    def __str__(self) -> str:
        text = self.message if not self.code else f"{self.status} {self.code}: {self.message}"
        return f"{text} (request {self.request_id})" if self.request_id else text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __init_subclass__(cls, *, status: int = 0) -> None:
        if status:
            APIError.of_status[status] = cls


class BadRequestError(APIError, status=400):
    """400: a parameter breaks its rules."""


class AuthenticationError(APIError, status=401):
    """401: the key is missing, wrong, expired or revoked."""


class PermissionDeniedError(APIError, status=403):
    """403: the key lacks a permission, or may not be used from here."""


class NotFoundError(APIError, status=404):
    """404: it does not exist, or is not your organization's to see."""


class MethodNotAllowedError(APIError, status=405):
    """405: the path has no such method."""


class ConflictError(APIError, status=409):
    """409: what is there does not allow it."""


class GoneError(APIError, status=410):
    """410: it is no longer kept, such as events of over 30 days."""


class PreconditionFailedError(APIError, status=412):
    """412: it was changed since the version in `if_match`."""


class ContentTooLargeError(APIError, status=413):
    """413: the body is too large."""


class UnsupportedMediaTypeError(APIError, status=415):
    """415: the body is not JSON."""


class UnprocessableEntityError(APIError, status=422):
    """422: the body breaks a rule; the details name each place."""


class RateLimitError(APIError, status=429):
    """429: too many requests."""


class InternalServerError(APIError):
    """5xx: the fault is the API's."""


class WebhookVerificationError(PlotwiseError):
    """A message that is not to be trusted."""

    reason: str
    """missing_header, invalid_timestamp, timestamp_too_old, timestamp_too_new, invalid_secret,
    no_matching_signature or invalid_payload."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


def error_of(status: int, headers: httpx.Headers, content: bytes) -> APIError:
    """The error that an answer without success becomes."""
    kind = InternalServerError if status >= 500 else APIError.of_status.get(status, APIError)
    return kind(status, headers, content)


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")


def _phrase(status: int) -> str:
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _details(found: Any) -> list[ErrorDetail]:
    details = []
    for detail in found if isinstance(found, Sequence) else []:
        try:
            details.append(ErrorDetail.model_validate(detail))
        except ValidationError:  # they are in the body still
            continue
    return details
