"""Building permits that tell you when they change: the library of the Plotwise API."""

from . import models, webhooks
from ._answer import Items, RawResponse
from ._async import AsyncEventStream, AsyncFile, AsyncPage, AsyncPages
from ._async_client import AsyncPlotwise
from ._core import Attempt, ConditionalOptions, KeyedOptions, Options
from ._sync import EventStream, File, Page
from ._sync_client import Plotwise
from ._version import __version__
from .errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContentTooLargeError,
    GoneError,
    InternalServerError,
    MethodNotAllowedError,
    NotFoundError,
    PermissionDeniedError,
    PlotwiseError,
    PreconditionFailedError,
    RateLimitError,
    UnprocessableEntityError,
    UnsupportedMediaTypeError,
    WebhookVerificationError,
)

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AsyncEventStream",
    "AsyncFile",
    "AsyncPage",
    "AsyncPages",
    "AsyncPlotwise",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "ConditionalOptions",
    "ConflictError",
    "ContentTooLargeError",
    "EventStream",
    "File",
    "GoneError",
    "InternalServerError",
    "Items",
    "KeyedOptions",
    "MethodNotAllowedError",
    "NotFoundError",
    "Options",
    "Page",
    "PermissionDeniedError",
    "Plotwise",
    "PlotwiseError",
    "PreconditionFailedError",
    "RateLimitError",
    "RawResponse",
    "UnprocessableEntityError",
    "UnsupportedMediaTypeError",
    "WebhookVerificationError",
    "__version__",
    "models",
    "webhooks",
]
