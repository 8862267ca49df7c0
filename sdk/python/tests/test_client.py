"""How clients are made, and what they send."""

from __future__ import annotations

import asyncio
import platform
import threading
import time
from datetime import date, datetime, timedelta, timezone
from functools import partial
from typing import Any

import anyio
import httpx
import pytest
from conftest import GOOD, KEY, ME, PERMIT, Driver, Make, Reply, Server

from plotwise import APIConnectionError, AsyncPlotwise, Attempt, Plotwise, PlotwiseError, __version__


def get_me(client: Any, **options: Any) -> Any:
    return client.organizations.get_me(**options)


def delete_note(client: Any, **options: Any) -> Any:
    return client.notes.delete("note_1", **options)


def get_permit(client: Any, permit_uuid: str) -> Any:
    return client.permits.get(permit_uuid)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLOTWISE_API_KEY", raising=False)
    monkeypatch.delenv("PLOTWISE_BASE_URL", raising=False)


@pytest.mark.parametrize("client", [Plotwise, AsyncPlotwise])
def test_no_key(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlotwiseError, match="there is no API key: pass api_key, or set PLOTWISE_API_KEY"):
        client()
    monkeypatch.setenv("PLOTWISE_API_KEY", "")
    with pytest.raises(PlotwiseError, match="there is no API key"):
        client()
    with pytest.raises(PlotwiseError, match="there is no API key"):
        client(api_key="")


@pytest.mark.parametrize(
    "key", [f"{KEY}\n", f" {KEY}", "pw live", "pw\tlive", "schlüssel", "pw\x00", "pw\r\nX: y", "“pw”"]
)
def test_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(PlotwiseError, match="white space or other characters") as raised:
        Plotwise(api_key=key)
    assert key not in str(raised.value)


def test_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLOTWISE_API_KEY", "pw_live_environment")
    monkeypatch.setenv("PLOTWISE_BASE_URL", server.url + "/")
    with Plotwise() as client:
        assert client.organizations.get_me().plan == "professional"
    with Plotwise(api_key="pw_live_argument") as client:
        client.organizations.get_me()
    assert [r.headers["authorization"] for r in server.requests] == [
        "Bearer pw_live_environment",
        "Bearer pw_live_argument",
    ]


def test_base_url() -> None:
    assert repr(Plotwise(api_key=KEY)) == "Plotwise(base_url='https://api.plotwise.us')"
    assert repr(AsyncPlotwise(api_key=KEY, base_url="http://x/a/")) == "AsyncPlotwise(base_url='http://x/a')"
    for url in [
        "ftp://x",
        "x",
        "http://",
        "http://x?y",
        "http://x#y",
        "http://a:b@x",
        "http://x y",
        "http://x:port",
        "http://[x",
    ]:
        with pytest.raises(PlotwiseError, match="base URL"):
            Plotwise(api_key=KEY, base_url=url)


def test_user_agent(make: Make, server: Server) -> None:
    agent = f"plotwise-python/{__version__} python/{platform.python_version()}"
    make().call(lambda client: client.organizations.get_me())
    make(user_agent_suffix="crm/2").call(lambda client: client.organizations.get_me())
    assert [r.headers["user-agent"] for r in server.requests] == [agent, f"{agent} crm/2"]
    with pytest.raises(PlotwiseError, match="User-Agent"):
        make(user_agent_suffix="crm\n2")


def test_headers(make: Make, server: Server) -> None:
    driver = make(extra_headers={"X-One": "1", "X-Two": "1"})
    driver.call(lambda client: client.organizations.get_me(extra_headers={"x-two": "2", "X-Three": "3"}))
    sent = server.requests[0].headers
    assert [sent.get_all(n) for n in ("X-One", "X-Two", "X-Three")] == [["1"], ["2"], ["3"]]
    assert sent["accept"] == "application/json"
    assert sent["content-type"] is None
    for bad in ({"X-One": "a\r\nb"}, {"X One": "a"}, {"X-One": "ü"}, {"": "a"}, {"X-One": " a"}):
        with pytest.raises(PlotwiseError):
            make(extra_headers=bad)
        driver.fails(PlotwiseError, partial(get_me, extra_headers=bad))


def test_names(driver: Driver, server: Server) -> None:
    """What is misspelled is not left out in silence."""
    for call in (
        lambda client: client.permits.list(statuss="In Review"),
        lambda client: client.notes.update("note_1", text="x"),
        lambda client: client.permits.get(PERMIT, idempotency_key="x"),
        lambda client: client.notes.create(PERMIT, body="x", if_match="*"),
        lambda client: client.watchlist.list(extra_header={}),
    ):
        with pytest.raises(TypeError, match="has no parameter or option"):
            driver.call(call)
    driver.fails(TypeError, lambda client: client.notes.update("note_1", idempotency_key="x", body="x"))
    assert server.requests == []


def test_if_match(driver: Driver, server: Server) -> None:
    server.reply(Reply(204))
    for tag in ('"v1"', "*", None):
        driver.call(partial(delete_note, if_match=tag))
    assert [r.headers["if-match"] for r in server.requests] == ['"v1"', "*", None]


def test_query(driver: Driver, server: Server) -> None:
    server.reply(Reply(200, {"data": [], "meta": {"per_page": 25, "next_cursor": None}}))
    london = timezone(timedelta(hours=1))
    driver.call(
        lambda client: client.permits.list(
            scope="all",
            status=["In Review", "A&B"],
            stage="in_review",
            updated_since=datetime(2026, 1, 2, 3, 4, 5, tzinfo=london),
            filed_after=date(2026, 1, 2),
            near="27.9477,-82.4584",
            q="ü/?",
        )
    )
    assert server.requests[0].path == (
        "/v1/permits?scope=all&status=In%20Review&status=A%26B&stage=in_review&q=%C3%BC%2F%3F&"
        "updated_since=2026-01-02T02:04:05Z&filed_after=2026-01-02&near=27.9477,-82.4584"
    )
    driver.fails(PlotwiseError, lambda client: client.permits.list(updated_since=datetime(2026, 1, 2)))
    server.reply(Reply(200, {"data": [], "meta": {"next_after": 1, "has_more": False}}))
    driver.call(lambda client: client.events.list(types=["permit.fee_changed", "permit.status_changed"], after=0))
    driver.call(lambda client: client.events.list(types="permit.fee_changed"))
    assert server.requests[0].path == "/v1/events?after=0&types=permit.fee_changed,permit.status_changed"
    assert server.requests[1].path == "/v1/events?types=permit.fee_changed"


def test_path(driver: Driver, server: Server) -> None:
    driver.fails(PlotwiseError, lambda client: client.permits.get(""))
    server.reply(Reply(404))
    for value in ("a/b?c#d", "..", "ü"):
        with pytest.raises(PlotwiseError):
            driver.call(partial(get_permit, permit_uuid=value))
    assert [r.path for r in server.requests] == [
        "/v1/permits/a%2Fb%3Fc%23d",
        "/v1/permits/%2E%2E",
        "/v1/permits/%C3%BC",
    ]


def test_body(driver: Driver, server: Server) -> None:
    server.reply(Reply(422))
    for call in (
        lambda client: client.watchlist.update(PERMIT, tags=("a", "ü")),
        lambda client: client.watchlist.batch_add(items=[{"permit_number": "1"}]),
        lambda client: client.api_keys.create(
            name="x", permissions=["read"], expires_at=datetime(2026, 1, 1, tzinfo=timezone.utc)
        ),
        lambda client: client.webhooks.rotate_secret("wh_1"),
        lambda client: client.conditions.create(type="location", latitude=1.5, longitude=2, radius_m=3),
        lambda client: client.deliveries.retry("dlv_1"),
    ):
        with pytest.raises(PlotwiseError):
            driver.call(call)
    assert [r.body.decode() for r in server.requests] == [
        '{"tags":["a","ü"]}',
        '{"items":[{"permit_number":"1"}]}',
        '{"name":"x","permissions":["read"],"expires_at":"2026-01-01T00:00:00Z"}',
        "{}",
        '{"type":"location","latitude":1.5,"longitude":2,"radius_m":3}',
        "",
    ]
    assert [r.headers["content-type"] for r in server.requests] == ["application/json"] * 5 + [None]


def test_additions(driver: Driver, server: Server) -> None:
    more = {**ME["data"], "plan": "galactic", "new": {"x": 1}}
    server.reply(Reply(200, {"data": more, "links": []}))
    me = driver.call(lambda client: client.organizations.get_me())
    assert (me.plan, me.new) == ("galactic", {"x": 1})
    assert me.model_dump(mode="json", exclude_unset=True) == more
    condition = {"id": "cond_1", "type": "weather", "sun": True}
    server.reply(Reply(200, {"data": condition}))
    found = driver.call(lambda client: client.conditions.get("cond_1"))
    assert (type(found).__name__, found.type, found.sun) == ("UnknownCondition", "weather", True)


def test_raw_response(driver: Driver, server: Server) -> None:
    server.reply(Reply(200, ME, {"ETag": '"v1"'}))
    raw = driver.call(lambda client: client.organizations.with_raw_response.get_me())
    assert (raw.status, raw.request_id, raw.etag, raw.headers["X-REQUEST-ID"]) == (
        200,
        "req_header",
        '"v1"',
        "req_header",
    )
    assert raw.content == GOOD.content()
    assert raw.parse().plan == "professional"
    assert repr(raw) == "RawResponse(status=200, request_id='req_header')"
    server.reply(Reply(204))
    gone = driver.call(lambda client: client.notes.with_raw_response.delete("note_1"))
    assert (gone.status, gone.parse()) == (204, None)


def test_http_client(server: Server) -> None:
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ME)

    with httpx.Client(transport=httpx.MockTransport(handle), auth=("user", "password"), follow_redirects=True) as own:
        with Plotwise(api_key=KEY, http_client=own) as client:
            client.organizations.get_me()
        assert not own.is_closed
    assert str(seen[0].url) == "https://api.plotwise.us/v1/me"
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"


def test_close_ends_waits(server: Server) -> None:
    server.reply(Reply(503, headers={"Retry-After": "60"}))
    client = Plotwise(api_key=KEY, base_url=server.url, log=lambda attempt: timer.start())
    timer = threading.Timer(0.05, client.close)
    started = time.monotonic()
    with pytest.raises(PlotwiseError, match="the client was closed"):
        client.organizations.get_me()
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("reply", [Reply(hang=30), Reply(503, headers={"Retry-After": "60"})])
def test_cancel(server: Server, reply: Reply) -> None:
    server.reply(reply)
    attempts: list[Attempt] = []

    async def run() -> None:
        async with AsyncPlotwise(api_key=KEY, base_url=server.url, log=attempts.append) as client:
            task = asyncio.create_task(client.organizations.get_me())
            while not server.requests or (reply.status == 503 and not attempts):
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    started = time.monotonic()
    asyncio.run(run())
    server.ended.set()
    assert time.monotonic() - started < 10
    assert len(server.requests) == 1


def test_timeout_of_the_caller(server: Server) -> None:
    server.reply(Reply(hang=30))

    async def run() -> None:
        async with AsyncPlotwise(api_key=KEY, base_url=server.url) as client:
            with pytest.raises(TimeoutError), anyio.fail_after(0.1):
                await client.organizations.get_me()

    asyncio.run(run())
    server.ended.set()
    assert len(server.requests) == 1


def test_closed(driver: Driver) -> None:
    driver.call(lambda client: client.organizations.get_me())
    driver.close()
    with pytest.raises((RuntimeError, APIConnectionError)):
        driver.call(lambda client: client.organizations.get_me())


def test_threads(server: Server) -> None:
    with Plotwise(api_key=KEY, base_url=server.url) as client:
        plans: list[str] = []
        threads = [threading.Thread(target=lambda: plans.append(client.organizations.get_me().plan)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert plans == ["professional"] * 20
