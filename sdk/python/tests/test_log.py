"""What the log is told."""

from __future__ import annotations

import socket
from dataclasses import asdict

from conftest import GOOD, KEY, PERMIT, Driver, Make, Reply, Server, failure

from plotwise import APIConnectionError, NotFoundError


def test_log(driver: Driver, server: Server) -> None:
    server.reply(failure(429, "rate_limited", {"Retry-After": "7"}), Reply(reset=True), GOOD)
    driver.call(lambda client: client.organizations.get_me())
    assert [(a.method, a.path, a.number, a.status, a.wait, a.request_id) for a in driver.log] == [
        ("GET", "/v1/me", 1, 429, 7, "req_header"),
        ("GET", "/v1/me", 2, None, 1, ""),
        ("GET", "/v1/me", 3, 200, None, "req_header"),
    ]
    assert [bool(a.failure) for a in driver.log] == [False, True, False]
    assert driver.log[1].failure and driver.log[1].failure.startswith("the connection failed: RemoteProtocolError")
    assert all(0 < a.milliseconds < 5000 for a in driver.log)


def test_log_of_the_last(driver: Driver, server: Server) -> None:
    server.reply(failure(404, "not_found"))
    driver.fails(NotFoundError, lambda client: client.notes.create(PERMIT, body="a secret", idempotency_key="key-1"))
    assert [(a.status, a.wait) for a in driver.log] == [(404, None)]
    server.reply(Reply(200, "half of a secret", {"Content-Type": "text/html"}))
    driver.fails(APIConnectionError, lambda client: client.permits.list(q="a secret", max_retries=0))
    assert driver.log[1].status == 200
    assert driver.log[1].failure == "the connection failed: Unreadable: the body ended early or is no JSON"
    assert driver.log[1].path == "/v1/permits"
    told = repr([asdict(a) for a in driver.log])
    assert KEY not in told
    assert "secret" not in told


def test_log_without_an_answer(make: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        driver = make(f"http://127.0.0.1:{taken.getsockname()[1]}", max_retries=0)
        driver.fails(APIConnectionError, lambda client: client.organizations.get_me())
    assert [(a.number, a.status, a.wait) for a in driver.log] == [(1, None, None)]
