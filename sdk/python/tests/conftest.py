"""A server that answers as it is told, and clients of both kinds that skip their waits."""

from __future__ import annotations

import inspect
import json
import threading
import time
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from plotwise import AsyncPlotwise, Attempt, Plotwise

KEY = "pw_live_0123456789abcdefghijABCDEFGHIJ012345"
PERMIT = "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"


@dataclass
class Request:
    """What came in."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass
class Reply:
    """What goes out."""

    status: int = 200
    body: bytes | str | dict[str, Any] = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    """How many bytes of the body do not come."""
    hang: float = 0
    """Seconds before the answer."""
    drip: float = 0
    """Seconds between the bytes of the body."""
    reset: bool = False
    """No answer: the connection ends."""

    def content(self) -> bytes:
        if isinstance(self.body, dict):
            return json.dumps(self.body).encode()
        return self.body.encode() if isinstance(self.body, str) else self.body


ME = {
    "data": {
        "organization": {"id": "org_01k0n5v8e2f7tbqzr6m4c3x9wd", "name": "Palmetto Builders"},
        "plan": "professional",
        "api_key": {"id": "key_01k0n5v8e2f7tbqzr6m4c3x9wd", "name": "Demo", "permissions": ["read"]},
        "limits": {"requests_per_minute": 1000, "permit_slots": 100, "seats": 10, "conditions": 5},
    }
}
GOOD = Reply(200, ME)


def failure(status: int, code: str, headers: dict[str, str] | None = None) -> Reply:
    """A failure as the API answers with."""
    error = {"code": code, "message": "It failed.", "request_id": "req_1", "doc_url": "https://x/docs", "details": []}
    return Reply(status, {"error": error}, headers or {})


class Server(ThreadingHTTPServer):
    """Answers with its replies in their order, and with the last one from then on."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Reply | Callable[[Request], Reply]] = [GOOD]
        self.requests: list[Request] = []
        self.ended = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def reply(self, *replies: Reply | Callable[[Request], Reply]) -> None:
        self.replies, self.requests = list(replies), []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of our errors."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body together: apart, the second waits for the acknowledgement of the first
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        request = Request(self.command, self.path, self.headers, body)
        self.server.requests.append(request)
        reply = self.server.replies[min(len(self.server.requests), len(self.server.replies)) - 1]
        if not isinstance(reply, Reply):
            reply = reply(request)
        if reply.hang:
            self.server.ended.wait(reply.hang)
        if reply.reset:
            self.close_connection = True
            return
        content = reply.content()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", "X-Request-Id": "req_header", **reply.headers}.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if reply.drip:
            for byte in content:
                self.wfile.flush()
                self.server.ended.wait(reply.drip)
                self.wfile.write(bytes([byte]))
        else:
            self.wfile.write(content[: len(content) - reply.cut])
        self.close_connection = self.close_connection or bool(reply.cut)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, format: str, *args: Any) -> None:
        """The tests say what matters."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.ended.set()
    made.shutdown()
    thread.join()
    made.server_close()


class Driver:
    """A client of one kind, used the same way as that of the other."""

    def __init__(self, portal: BlockingPortal | None, url: str, **options: Any) -> None:
        self.portal = portal
        self.waits: list[float] = []
        self.log: list[Attempt] = []
        self.skipped = 0.0
        options = {"api_key": KEY, "base_url": url, "log": self.log.append, **options}
        self.client: Plotwise | AsyncPlotwise = (AsyncPlotwise if portal else Plotwise)(**options)
        transport = self.client._transport
        transport.sleep = self.async_sleep if portal else self.sleep  # type: ignore[assignment]
        settings = transport.settings
        settings.random = lambda: 1.0
        settings.now = lambda: time.time() + self.skipped
        settings.monotonic = lambda: time.monotonic() + self.skipped

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.skipped += seconds

    async def async_sleep(self, seconds: float) -> None:
        self.sleep(seconds)

    def call(self, method: Callable[[Any], Any]) -> Any:
        """What a method of the client returns."""

        async def run() -> Any:
            found = method(self.client)
            return await found if inspect.isawaitable(found) else found

        return self.portal.call(run) if self.portal else method(self.client)

    def each(self, method: Callable[[Any], Any], most: int = 1000) -> list[Any]:
        """What iterating over the result of a method gives."""
        found = self.call(lambda client: _kept(method(client)))[0]
        return self.take(found, most)

    def take(self, found: Iterable[Any] | AsyncIterable[Any], most: int) -> list[Any]:
        """The next items."""
        if isinstance(found, AsyncIterable):
            assert self.portal
            return self.portal.call(_take, found, most)
        return list(islice(found, most))

    def fails(self, kind: type[Exception], method: Callable[[Any], Any]) -> Any:
        """The error that a method raises, which is exactly of a class."""
        with pytest.raises(kind) as raised:
            self.call(method)
        assert type(raised.value) is kind
        return raised.value

    def close(self) -> None:
        self.call(lambda client: client.aclose() if self.portal else client.close())


def _kept(found: Any) -> list[Any]:
    """Keeps a result from being awaited."""
    return [found]


async def _take(found: AsyncIterable[Any], most: int) -> list[Any]:
    items: list[Any] = []
    if most:
        async for item in found:
            items.append(item)
            if len(items) == most:
                break
    return items


Make = Callable[..., Driver]


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as made:
        yield made


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest, server: Server, portal: BlockingPortal) -> Iterator[Make]:
    drivers: list[Driver] = []

    def make(url: str = "", **options: Any) -> Driver:
        drivers.append(Driver(portal if request.param == "async" else None, url or server.url, **options))
        return drivers[-1]

    yield make
    server.ended.set()
    for driver in drivers:
        driver.close()


@pytest.fixture
def driver(make: Make) -> Driver:
    return make()
