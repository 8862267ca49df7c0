"""What the clients decide, without sending or waiting themselves: what a call sends, and what comes after each attempt."""

from __future__ import annotations

import json
import math
import os
import platform
import random
import re
import ssl
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timezone
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, TypedDict, cast
from urllib.parse import quote, urlencode, urlsplit

import httpx
from pydantic import BaseModel

from ._version import __version__
from .errors import APIConnectionError, APITimeoutError, PlotwiseError, error_of

BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 8.0
MAX_RETRY_AFTER_SECONDS = 60.0


class Options(TypedDict, total=False):
    """What may be set for a single call, as keywords beside its parameters."""

    timeout: float
    """Seconds for one attempt."""
    total_timeout: float
    """Seconds in total, with all attempts and the waits between them."""
    max_retries: int
    """How often to try again."""
    extra_headers: Mapping[str, str]
    """More headers, over those of the client."""


class KeyedOptions(Options, total=False):
    """Options of what creates or starts something."""

    idempotency_key: str
    """Names the request, so that it is carried out once however often it is sent; a random UUID when left out."""


class ConditionalOptions(Options, total=False):
    """Options of what changes something."""

    if_match: str | None
    """The `etag` of the answer that the change is based on; None for any version."""


@dataclass(frozen=True)
class Attempt:
    """What a log is told of each attempt."""

    method: str
    path: str
    """Without the query."""
    number: int
    """1 for the first."""
    status: int | None
    """The status of the answer; None when none came."""
    failure: str | None
    """Why there is no whole answer; None when there is one."""
    milliseconds: float
    request_id: str
    """"" when the answer named none."""
    wait: float | None
    """Seconds until the next attempt; None when there is none."""


Log = Callable[[Attempt], None]


@dataclass
class Settings:
    """What a client was made with."""

    base_url: str
    timeout: float
    total_timeout: float
    max_retries: int
    headers: httpx.Headers = field(repr=False)
    log: Log | None = None
    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random


def new_settings(
    api_key: str | None,
    base_url: str | None,
    default_base_url: str,
    *,
    timeout: float,
    total_timeout: float,
    max_retries: int,
    extra_headers: Mapping[str, str] | None,
    user_agent_suffix: str,
    log: Log | None,
) -> Settings:
    """Settings of a client, from its arguments and the environment."""
    key = api_key if api_key is not None else os.environ.get("PLOTWISE_API_KEY", "")
    if not key:
        raise PlotwiseError("there is no API key: pass api_key, or set PLOTWISE_API_KEY")
    if not re.fullmatch(r"[!-~]+", key):
        raise PlotwiseError("the API key holds white space or other characters that no header can carry")
    agent = f"plotwise-python/{__version__} python/{platform.python_version()} {user_agent_suffix}".strip()
    headers = httpx.Headers(checked_headers({"User-Agent": agent, **(extra_headers or {})}))
    headers.setdefault("Authorization", f"Bearer {key}")
    check_limits(timeout, total_timeout, max_retries)
    url = checked_url(base_url or os.environ.get("PLOTWISE_BASE_URL") or default_base_url)
    return Settings(url, timeout, total_timeout, max_retries, headers, log)


def checked_url(text: str) -> str:
    """A base URL without the slash at its end."""
    try:
        url = urlsplit(text)
        good = (
            url.scheme in ("http", "https")
            and bool(url.hostname)
            and not (url.query or url.fragment or "@" in url.netloc)
        )
        _ = url.port
    except ValueError:
        good = False
    if not good or re.search(r"[^!-~]", text):
        raise PlotwiseError("the base URL has to be http(s)://host, with a port and a path at most")
    return text.rstrip("/")


def checked_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Headers that can be sent; the error names them, and does not show them."""
    for name, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise PlotwiseError(f"{name!r} is no name of a header")
        if not re.fullmatch(r"([!-~]([ \t!-~]*[!-~])?)?", value):
            raise PlotwiseError(f"the header {name} holds characters that no header can carry")
    return headers


def check_limits(timeout: float, total_timeout: float, max_retries: int) -> None:
    """Refuse limits that mean nothing."""
    if not timeout > 0 or not total_timeout > 0:
        raise PlotwiseError("timeout and total_timeout have to be over 0 seconds")
    if max_retries < 0:
        raise PlotwiseError("max_retries has to be 0 or more")


@dataclass(frozen=True)
class Call:
    """A call of an operation."""

    method: str
    path: str
    options: Options
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    waits: float = 0.0
    """Seconds that the server may take on purpose."""
    accept: str = "application/json"
    streams: bool = False
    """Its success is a file, which is read after the call has returned."""

    def at(self, cursor: str) -> Call:
        """The same call for the page at a cursor."""
        return replace(self, query={**self.query, "cursor": cursor, "page": None})


def check_names(call: Call) -> None:
    """Refuse keywords that are neither parameters nor options, which would change what a call means by being left out."""
    known = {"timeout", "total_timeout", "max_retries", "extra_headers"}
    known.add("idempotency_key" if call.method == "POST" else "if_match" if call.method in ("PATCH", "DELETE") else "")
    for name in call.options:
        if name not in known:
            raise TypeError(f"{call.method} {call.path} has no parameter or option {name!r}")


@dataclass
class Answer:
    """An answer; of a file that streams, its beginning."""

    status: int
    headers: httpx.Headers
    content: bytes = b""
    data: Any = None
    """What the JSON of a success holds."""
    response: httpx.Response | None = None
    """Where the rest of a file comes from."""

    @property
    def success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def request_id(self) -> str:
        return str(self.headers.get("x-request-id", ""))


class Unreadable(Exception):
    """A body that ended early, or is no JSON."""


class Attempts:
    """The attempts of one call. After each, `answered` or `failed` is told what came of it."""

    def __init__(self, settings: Settings, call: Call) -> None:
        options = call.options
        check_names(call)
        self._settings, self._call = settings, call
        self._timeout = options.get("timeout", settings.timeout)
        self._retries = options.get("max_retries", settings.max_retries)
        total = options.get("total_timeout", settings.total_timeout)
        check_limits(self._timeout, total, self._retries)
        self._timeout += call.waits
        self.method, self.url = call.method, settings.base_url + call.path + encode_query(call.query)
        self.content = None if call.body is None else encode_body(call.body)
        self.headers = self._headers(cast("ConditionalOptions", options), cast("KeyedOptions", options))
        self._number = 0
        self._started = settings.monotonic()
        self._deadline = self._started + total + call.waits

    def _headers(self, conditional: ConditionalOptions, keyed: KeyedOptions) -> httpx.Headers:
        call, headers = self._call, self._settings.headers.copy()
        headers.setdefault("Accept", call.accept)
        if self.content is not None:
            headers["Content-Type"] = "application/json"
        if call.method == "POST":
            headers.update(checked_headers({"Idempotency-Key": keyed.get("idempotency_key") or str(uuid.uuid4())}))
        tag = conditional.get("if_match")
        if tag is not None:
            headers.update(checked_headers({"If-Match": tag}))
        headers.update(checked_headers(call.options.get("extra_headers", {})))
        return headers

    def begin(self) -> float:
        """Begin the next attempt: the seconds that it may take."""
        self._number += 1
        self._started = self._settings.monotonic()
        return min(self._timeout, self._deadline - self._started)

    def answered(self, answer: Answer) -> float | None:
        """What comes after an answer: None when it is a success, or else the seconds to wait. Raises what ends the call."""
        if answer.success:
            if not self._call.streams and answer.status != 204 and not _is_json(answer):
                return self.failed(Unreadable("the body ended early or is no JSON"), answer)
            self._tell(answer, None, None)
            return None
        again = answer.status == 429 or (
            self._call.method != "PATCH" and (answer.status == 408 or answer.status >= 500)
        )
        wait = self._wait(again, answer.headers)
        self._tell(answer, None, wait)
        if wait is None:
            raise error_of(answer.status, answer.headers, answer.content)
        return wait

    def failed(self, error: Exception, answer: Answer | None = None) -> float:
        """The seconds to wait after an attempt that brought no whole answer. Raises what ends the call."""
        _forget_key(error)
        timed_out = isinstance(error, (httpx.TimeoutException, TimeoutError))
        text = f"{'the attempt timed out' if timed_out else 'the connection failed'}: {type(error).__name__}"
        if str(error):
            text += f": {error}"
        unsendable = isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL))
        unsent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError))
        wait = self._wait(not unsendable and (unsent or self._call.method != "PATCH"), None)
        self._tell(answer, text, wait)
        if wait is None:
            raise (APITimeoutError if timed_out else APIConnectionError)(
                f"{self._call.method} {self._call.path}: {text}"
            ) from error
        return wait

    def _wait(self, again: bool, headers: httpx.Headers | None) -> float | None:
        settings = self._settings
        if not again or self._number > self._retries:
            return None
        asked = retry_after(headers.get("retry-after", ""), settings.now()) if headers is not None else None
        wait = backoff(self._number, settings.random) if asked is None else asked
        if wait > MAX_RETRY_AFTER_SECONDS or settings.monotonic() + wait >= self._deadline:
            return None
        return wait

    def _tell(self, answer: Answer | None, failure: str | None, wait: float | None) -> None:
        settings = self._settings
        if settings.log is None:
            return
        status, request_id = (answer.status, answer.request_id) if answer else (None, "")
        took = (settings.monotonic() - self._started) * 1000
        settings.log(Attempt(self._call.method, self._call.path, self._number, status, failure, took, request_id, wait))


def _is_json(answer: Answer) -> bool:
    try:
        answer.data = json.loads(answer.content)
    except (ValueError, RecursionError):
        return False
    return True


def _forget_key(error: Exception) -> None:
    """Take the key out of the request that an error of httpx holds."""
    if isinstance(error, httpx.RequestError):
        try:
            error.request.headers.pop("authorization", None)
        except RuntimeError:  # it holds none
            return


def backoff(retry: int, random: Callable[[], float]) -> float:
    """Seconds before a retry, from 1: 0.5 s × 2ⁿ⁻¹, 8 s at most, times 0.5 to 1."""
    return float(min(BACKOFF_SECONDS * 2 ** min(retry - 1, 10), MAX_BACKOFF_SECONDS) * (0.5 + random() / 2))


def retry_after(text: str, now: float) -> float | None:
    """Seconds that a Retry-After asks for, in seconds or as a date; None when it says neither."""
    text = text.strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone.utc)
    return max(0.0, at.timestamp() - now)


def segment(name: str, value: str) -> str:
    """A value as a part of a path."""
    text = quote(str(value), safe="")
    if not text:
        raise PlotwiseError(f"{name} must not be empty")
    return text if text.strip(".") else text.replace(".", "%2E")


def commas(values: str | Iterable[str] | None) -> str | None:
    """Values of one parameter, with commas between."""
    return values if values is None or isinstance(values, str) else ",".join(values)


def encode_query(query: Mapping[str, Any]) -> str:
    """A query with its question mark; what is None is left out, and what has several values is repeated."""
    pairs = []
    for name, value in query.items():
        several = isinstance(value, Iterable) and not isinstance(value, str)
        pairs += [(name, encode(v)) for v in (value if several else [value]) if v is not None]
    return "?" + urlencode(pairs, quote_via=quote, safe=",:") if pairs else ""


def encode_body(body: Mapping[str, Any]) -> bytes:
    """A body as JSON; what is None is left out."""
    given = {name: value for name, value in body.items() if value is not None}
    return json.dumps(given, default=encode_value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def encode_value(value: Any) -> Any:
    """What JSON has for a value that is none of its own."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    return encode(value)


def encode(value: Any) -> str:
    """A value as the API writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise PlotwiseError(f"{value.isoformat()} has no time zone: datetime.now(timezone.utc) has one")
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


@cache
def certificates() -> ssl.SSLContext:
    """Whom clients trust: read once for all of them, because that takes longer than a request."""
    return httpx.create_ssl_context()


def finite(seconds: float) -> float | None:
    """Seconds as httpx takes them, for which None is no limit."""
    return None if math.isinf(seconds) else seconds
