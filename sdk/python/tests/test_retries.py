"""The table of retries, row by row."""

from __future__ import annotations

import socket
import time
import uuid
from email.utils import formatdate
from typing import Any

import pytest
from conftest import GOOD, PERMIT, Driver, Make, Reply, Server, failure

from plotwise import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    InternalServerError,
    NotFoundError,
    PlotwiseError,
    RateLimitError,
)
from plotwise._core import backoff, retry_after

NOTE: dict[str, Any] = {"id": "note_1", "permit_uuid": PERMIT, "body": "x", "created_at": "2026-01-01T00:00:00Z"}
NOTE.update(updated_at="2026-01-01T00:00:00Z", author={"type": "api_key", "id": "key_1", "name": "Demo"})
CALLS: dict[str, Any] = {
    "GET": lambda client, **options: client.organizations.get_me(**options),
    "DELETE": lambda client, **options: client.notes.delete("note_1", **options),
    "POST": lambda client, **options: client.notes.create(PERMIT, body="x", **options),
    "PATCH": lambda client, **options: client.notes.update("note_1", body="x", **options),
}
SUCCESS = {"GET": GOOD, "DELETE": Reply(204), "POST": Reply(201, {"data": NOTE}), "PATCH": Reply(200, {"data": NOTE})}
AGAIN = ["GET", "DELETE", "POST"]


@pytest.mark.parametrize("method", CALLS)
def test_retry_limited(driver: Driver, server: Server, method: str) -> None:
    server.reply(failure(429, "rate_limited"), SUCCESS[method])
    driver.call(CALLS[method])
    assert [r.method for r in server.requests] == [method, method]


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 507, 599])
@pytest.mark.parametrize("method", AGAIN)
def test_retry_status(driver: Driver, server: Server, method: str, status: int) -> None:
    server.reply(Reply(status), Reply(status), SUCCESS[method])
    driver.call(CALLS[method])
    assert len(server.requests) == 3
    assert driver.waits == [0.5, 1.0]


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 507, 599])
def test_no_retry_of_patch(driver: Driver, server: Server, status: int) -> None:
    server.reply(Reply(status), SUCCESS["PATCH"])
    error = driver.fails(InternalServerError if status >= 500 else APIError, CALLS["PATCH"])
    assert (error.status, len(server.requests)) == (status, 1)


@pytest.mark.parametrize("status", [300, 304, 400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 418, 422])
@pytest.mark.parametrize("method", CALLS)
def test_no_retry_of_others(driver: Driver, server: Server, method: str, status: int) -> None:
    server.reply(Reply(status, "" if status == 304 else "{}"), SUCCESS[method])
    with pytest.raises(APIError):
        driver.call(CALLS[method])
    assert (len(server.requests), driver.waits) == (1, [])


@pytest.mark.parametrize("method", CALLS)
def test_retry_no_connection(make: Make, method: str) -> None:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        driver = make(f"http://127.0.0.1:{taken.getsockname()[1]}")
        driver.fails(APIConnectionError, CALLS[method])
    assert [a.number for a in driver.log] == [1, 2, 3]


BROKEN = {
    "reset": Reply(reset=True),
    "truncated": Reply(200, '{"data": {}}' + " " * 100, cut=60),
    "truncated gzip": Reply(200, b"\x1f\x8b\x08\x00\x00\x00\x00\x00", {"Content-Encoding": "gzip"}),
    "garbage": Reply(200, "<html>sign in</html>", {"Content-Type": "text/html"}),
    "empty": Reply(200, ""),
    "hang": Reply(hang=5),
    "drip": Reply(200, " " * 500, drip=0.02),
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_retry_broken(make: Make, server: Server, method: str, broken: str) -> None:
    driver = make(timeout=0.3)
    server.reply(BROKEN[broken], SUCCESS[method])
    driver.call(CALLS[method])
    assert len(server.requests) == 2


@pytest.mark.parametrize("broken", ["reset", "hang"])
def test_retry_broken_delete(make: Make, server: Server, broken: str) -> None:
    driver = make(timeout=0.3)
    server.reply(BROKEN[broken], Reply(204))
    driver.call(CALLS["DELETE"])
    assert len(server.requests) == 2


@pytest.mark.parametrize("broken", BROKEN)
def test_no_retry_of_broken_patch(make: Make, server: Server, broken: str) -> None:
    driver = make(timeout=0.3)
    server.reply(BROKEN[broken], SUCCESS["PATCH"])
    driver.fails(APITimeoutError if broken in ("hang", "drip") else APIConnectionError, CALLS["PATCH"])
    assert len(server.requests) == 1


def test_failure_whose_body_breaks(driver: Driver, server: Server) -> None:
    server.reply(Reply(404, '{"error": {}}' + " " * 100, cut=60))
    error = driver.fails(NotFoundError, CALLS["GET"])
    assert (error.status, error.code, error.request_id, len(server.requests)) == (404, "", "req_header", 1)


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_max_retries(make: Make, server: Server, retries: int) -> None:
    server.reply(Reply(503))
    make(max_retries=retries).fails(InternalServerError, CALLS["GET"])
    assert len(server.requests) == retries + 1
    server.reply(Reply(503))
    make(max_retries=9).fails(InternalServerError, lambda client: CALLS["GET"](client, max_retries=retries))
    assert len(server.requests) == retries + 1


def test_idempotency_key(driver: Driver, server: Server) -> None:
    server.reply(Reply(503), Reply(reset=True), SUCCESS["POST"])
    driver.call(CALLS["POST"])
    keys = [r.headers["idempotency-key"] for r in server.requests]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert uuid.UUID(keys[0]).version == 4
    server.reply(SUCCESS["POST"])
    driver.call(CALLS["POST"])
    assert server.requests[0].headers["idempotency-key"] != keys[0]


def test_idempotency_key_given(driver: Driver, server: Server) -> None:
    server.reply(Reply(503), SUCCESS["POST"])
    driver.call(lambda client: CALLS["POST"](client, idempotency_key="import-17"))
    assert [r.headers["idempotency-key"] for r in server.requests] == ["import-17", "import-17"]
    driver.fails(PlotwiseError, lambda client: CALLS["POST"](client, idempotency_key="one\r\nX: two"))


def test_idempotency_key_of_posts_alone(driver: Driver, server: Server) -> None:
    for method in ["GET", "DELETE", "PATCH"]:
        server.reply(SUCCESS[method])
        driver.call(CALLS[method])
        assert server.requests[0].headers["idempotency-key"] is None
    server.reply(Reply(202, {"data": {}}))
    with pytest.raises(APIError, match="not what the API describes"):
        driver.call(lambda client: client.deliveries.retry("dlv_1"))
    assert server.requests[0].headers["idempotency-key"]


def test_backoff() -> None:
    assert [backoff(n, lambda: 1.0) for n in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert [backoff(n, lambda: 0.0) for n in range(1, 8)] == [0.25, 0.5, 1, 2, 4, 4, 4]
    assert backoff(100_000, lambda: 0.5) == 6


def test_retry_after() -> None:
    now = 1_800_000_000.0
    assert retry_after("7", now) == 7
    assert retry_after(" 0 ", now) == 0
    assert retry_after(formatdate(now + 30, usegmt=True), now) == 30
    assert retry_after(formatdate(now - 30, usegmt=True), now) == 0
    for text in ["", "soon", "-1", "1e3", "nan", "inf", "٣", "Tue, 99 Foo 2026"]:
        assert retry_after(text, now) is None, text


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_seconds(driver: Driver, server: Server, status: int) -> None:
    server.reply(Reply(status, headers={"Retry-After": "60"}), GOOD)
    driver.call(CALLS["GET"])
    assert driver.waits == [60]


def test_retry_after_date(driver: Driver, server: Server) -> None:
    server.reply(Reply(503, headers={"Retry-After": formatdate(time.time() + 20, usegmt=True)}), GOOD)
    driver.call(CALLS["GET"])
    assert 18 < driver.waits[0] <= 20


def test_retry_after_nonsense(driver: Driver, server: Server) -> None:
    server.reply(Reply(503, headers={"Retry-After": "soon"}), GOOD)
    driver.call(CALLS["GET"])
    assert driver.waits == [0.5]


@pytest.mark.parametrize("asked", ["61", "3600", formatdate(4_000_000_000, usegmt=True)])
def test_retry_after_too_long(driver: Driver, server: Server, asked: str) -> None:
    server.reply(failure(429, "rate_limited", {"Retry-After": asked}), GOOD)
    error = driver.fails(RateLimitError, CALLS["GET"])
    assert (error.headers["retry-after"], len(server.requests), driver.waits) == (asked, 1, [])


def test_retry_after_over_total(make: Make, server: Server) -> None:
    driver = make(total_timeout=5)
    server.reply(failure(429, "rate_limited", {"Retry-After": "6"}), GOOD)
    driver.fails(RateLimitError, CALLS["GET"])
    assert (len(server.requests), driver.waits) == (1, [])


def test_total_timeout(make: Make, server: Server) -> None:
    driver = make(max_retries=100)
    server.reply(Reply(503))
    driver.fails(InternalServerError, CALLS["GET"])
    assert 100 < sum(driver.waits) < 120
    driver.waits = []
    driver.fails(InternalServerError, lambda client: CALLS["GET"](client, total_timeout=2))
    assert driver.waits == [0.5, 1.0]


def test_total_timeout_within_attempt(make: Make, server: Server) -> None:
    server.reply(Reply(hang=5))
    started = time.monotonic()
    make(total_timeout=0.3).fails(APITimeoutError, CALLS["GET"])
    assert time.monotonic() - started < 2
    assert len(server.requests) == 1


def test_timeout(make: Make, server: Server) -> None:
    server.reply(Reply(hang=5))
    error = make(max_retries=1).fails(APITimeoutError, lambda client: CALLS["GET"](client, timeout=0.2))
    assert isinstance(error, APIConnectionError)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "options", [{"timeout": 0}, {"total_timeout": -1}, {"max_retries": -1}, {"timeout": float("nan")}]
)
def test_limits_that_mean_nothing(make: Make, options: dict[str, float]) -> None:
    with pytest.raises(PlotwiseError):
        make(**options)
    make().fails(PlotwiseError, lambda client: CALLS["GET"](client, **options))


def test_no_limit(make: Make) -> None:
    driver = make(timeout=float("inf"), total_timeout=float("inf"))
    assert driver.call(CALLS["GET"]).plan == "professional"


def test_redirect(driver: Driver, server: Server) -> None:
    server.reply(Reply(302, "", {"Location": f"{server.url}/elsewhere"}), GOOD)
    error = driver.fails(APIError, CALLS["GET"])
    assert (error.status, str(error), len(server.requests)) == (302, "302 Found (request req_header)", 1)
