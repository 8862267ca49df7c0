"""What both clients return besides models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Generic, TypeVar, cast, overload

import httpx
from pydantic import TypeAdapter, ValidationError
from typing_extensions import ParamSpec, Unpack

from ._core import Answer
from .errors import APIError
from .models import Shape

__all__ = ["Items", "ParamSpec", "RawResponse", "Unpack", "fits", "fits_each"]

T = TypeVar("T")
M = TypeVar("M")


def fits(shape: type[T] | Shape[T], answer: Answer, name: str) -> T:
    """A part of the envelope, read as its type; what an envelope has not is None where that is the type."""
    data = answer.data if isinstance(answer.data, dict) else {}
    return cast("T", _read(_type(shape), answer, name, data.get(name)))


def fits_each(shape: type[T] | Shape[T], answer: Answer, name: str) -> list[T]:
    """A part of the envelope that is an array, with its items read as their type."""
    data = answer.data if isinstance(answer.data, dict) else {}
    return cast("list[T]", _read(list[_type(shape)], answer, name, data.get(name)))  # type: ignore[misc]


def _type(shape: Any) -> Any:
    return shape.of if isinstance(shape, Shape) else shape


def _read(kind: Any, answer: Answer, name: str, value: Any) -> Any:
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        message = f"{answer.status}, but {name!r} of the answer is not what the API describes: {error}"
        raise APIError(answer.status, answer.headers, answer.content, message) from error


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


class RawResponse(Generic[T]):
    """A whole answer."""

    def __init__(self, answer: Answer, parse: Callable[[Answer], T]) -> None:
        self._answer, self._parse = answer, parse

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._answer.status

    @property
    def headers(self) -> httpx.Headers:
        """The headers; names in any case."""
        return self._answer.headers

    @property
    def request_id(self) -> str:
        """What to quote to support."""
        return self._answer.request_id

    @property
    def etag(self) -> str:
        """The version that the answer is of, for `if_match`; "" when it names none."""
        return str(self._answer.headers.get("etag", ""))

    @property
    def content(self) -> bytes:
        """The body as it came; b"" of a file, which `parse` gives."""
        return self._answer.content

    def parse(self) -> T:
        """What the method returns by itself."""
        return self._parse(self._answer)

    def __repr__(self) -> str:
        return f"RawResponse(status={self.status}, request_id={self.request_id!r})"


class Items(Generic[T, M]):
    """A list that comes whole, with what the API says of it."""

    data: list[T]
    """The items."""

    meta: M
    """What the API says of them; None where it says nothing."""

    def __init__(self, data: list[T], meta: M) -> None:
        self.data, self.meta = data, meta

    def __iter__(self) -> Iterator[T]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> list[T]: ...

    def __getitem__(self, at: int | slice) -> T | list[T]:
        return self.data[at]

    def __repr__(self) -> str:
        return f"Items(data={self.data!r}, meta={self.meta!r})"
