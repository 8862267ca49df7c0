"""Lists, the feed of events, and files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import KEY, PERMIT, Driver, Make, Reply, Request, Server, failure

from plotwise import APIConnectionError, APITimeoutError, AsyncPlotwise, GoneError, NotFoundError, PlotwiseError


def note(n: int) -> dict[str, Any]:
    author = {"type": "api_key", "id": "key_1", "name": "Demo"}
    at = "2026-01-01T00:00:00Z"
    return {"id": f"note_{n}", "permit_uuid": PERMIT, "body": "x", "author": author, "created_at": at, "updated_at": at}


def page(notes: list[int], cursor: str | None) -> Reply:
    return Reply(200, {"data": [note(n) for n in notes], "meta": {"per_page": 2, "next_cursor": cursor, "total": 5}})


def queries(server: Server) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(r.path).query) for r in server.requests]


def list_notes(client: Any) -> Any:
    return client.notes.list(PERMIT, per_page=2, page=1, extra_headers={"X-One": "1"})


def test_all_pages(driver: Driver, server: Server) -> None:
    server.reply(page([1, 2], "a"), page([], "b"), page([3, 4], "c"), page([5], None))
    assert [n.id for n in driver.each(list_notes)] == ["note_1", "note_2", "note_3", "note_4", "note_5"]
    assert queries(server) == [
        {"page": ["1"], "per_page": ["2"]},
        {"per_page": ["2"], "cursor": ["a"]},
        {"per_page": ["2"], "cursor": ["b"]},
        {"per_page": ["2"], "cursor": ["c"]},
    ]
    assert [r.headers["x-one"] for r in server.requests] == ["1"] * 4


def test_pages_when_needed(driver: Driver, server: Server) -> None:
    server.reply(page([1, 2], "a"), page([3, 4], "b"), page([5], None))
    assert len(driver.each(list_notes, most=2)) == 2
    assert len(server.requests) == 1


def test_page(driver: Driver, server: Server) -> None:
    server.reply(page([1, 2], "a"), page([3], None))
    first = driver.call(list_notes)
    assert ([n.id for n in first.data], first.meta.total, first.has_next_page) == (["note_1", "note_2"], 5, True)
    second = driver.call(lambda client: first.next_page())
    assert ([n.id for n in second.data], second.has_next_page) == (["note_3"], False)
    assert driver.call(lambda client: second.next_page()) is None
    assert "note_3" in repr(second)
    server.reply(page([3], None))
    assert [len(p.data) for p in driver.take(first.pages(), 9)] == [2, 1]


def test_page_raw(driver: Driver, server: Server) -> None:
    server.reply(page([1, 2], "a"), page([3], None))
    raw = driver.call(lambda client: client.notes.with_raw_response.list(PERMIT))
    assert raw.status == 200
    assert [n.id for n in driver.take(raw.parse(), 9)] == ["note_1", "note_2", "note_3"]


def test_page_that_fails(driver: Driver, server: Server) -> None:
    server.reply(page([1, 2], "a"), failure(404, "not_found"))
    with pytest.raises(NotFoundError):
        driver.each(list_notes)
    assert len(server.requests) == 2


def test_items(driver: Driver, server: Server) -> None:
    event = {"name": "permit.x", "description": "d", "schema": {"type": "object"}, "example": {"event": "permit.x"}}
    server.reply(Reply(200, {"data": [event]}))
    items = driver.call(lambda client: client.events.list_types())
    assert ([e.name for e in items], len(items), items[0].schema_, items.meta) == (
        ["permit.x"],
        1,
        {"type": "object"},
        None,
    )
    assert items[0:1] == items.data


class Feed:
    """The feed of a server that has a few events."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)

    def __call__(self, request: Request) -> Reply:
        query = parse_qs(urlsplit(request.path).query)
        after = int(query.get("after", ["0"])[0])
        found = [n for n in self.numbers if n > after][:2]
        if not found and "wait" in query:
            self.numbers.append(after + 1)  # something happened while it waited
        last = found[-1] if found else after
        data = [{"id": f"evt_{n}", "number": n, "payload": {"event": "permit.new_kind", "data": {}}} for n in found]
        return Reply(200, {"data": data, "meta": {"next_after": last, "has_more": False}})


def stream(after: int | None = None) -> Callable[[Any], Any]:
    return lambda client: client.events.stream(after=after, types=["permit.fee_changed"])


def test_stream(driver: Driver, server: Server) -> None:
    server.reply(Feed(3, 4, 7))
    assert [e.number for e in driver.each(stream(), most=6)] == [3, 4, 7, 8, 9, 10]
    first = queries(server)[0]
    assert first == {"types": ["permit.fee_changed"], "wait": ["20"]}
    assert [q["after"] for q in queries(server)[1:4]] == [["4"], ["7"], ["7"]]


def test_stream_goes_on(driver: Driver, server: Server) -> None:
    server.reply(Feed(3, 4, 7))
    events = driver.call(lambda client: [client.events.stream(after=3)])[0]
    assert events.after == 3
    assert [e.number for e in driver.take(events, 1)] == [4]
    assert events.after == 4
    again = driver.call(lambda client: [client.events.stream(after=events.after)])[0]
    assert [e.number for e in driver.take(again, 2)] == [7, 8]


def test_stream_keeps_number_within_a_page(driver: Driver, server: Server) -> None:
    server.reply(Feed(3, 4))
    events = driver.call(lambda client: [client.events.stream()])[0]
    driver.take(events, 1)
    assert events.after == 3


def test_stream_after_failures(driver: Driver, server: Server) -> None:
    feed = Feed(3, 4, 7, 8)
    server.reply(feed, Reply(reset=True), Reply(503), feed, failure(410, "cursor_expired"), feed)
    events = driver.call(lambda client: [client.events.stream()])[0]
    assert [e.number for e in driver.take(events, 4)] == [3, 4, 7, 8]
    with pytest.raises(GoneError):
        driver.take(events, 1)
    assert [e.number for e in driver.take(events, 1)] == [9]
    assert [q.get("after") for q in queries(server)] == [None, ["4"], ["4"], ["4"], ["8"], ["8"], ["8"]]


def test_waiting_gets_its_time_on_top(make: Make, server: Server) -> None:
    empty = Reply(200, {"data": [], "meta": {"next_after": 0, "has_more": False}}, hang=0.6)
    driver = make(timeout=0.2, total_timeout=0.2, max_retries=0)
    server.reply(empty)
    driver.call(lambda client: client.events.list(wait=20))
    driver.fails(APITimeoutError, lambda client: client.events.list(wait=0))
    server.reply(Reply(404, hang=0.6))
    driver.fails(NotFoundError, lambda client: client.webhooks.test("wh_1", event_type="permit.fee_changed"))


def test_stream_is_cancelled(server: Server) -> None:
    server.reply(Reply(hang=30))

    async def run() -> None:
        async with AsyncPlotwise(api_key=KEY, base_url=server.url) as client:
            task = asyncio.ensure_future(client.events.stream().__anext__())
            while not server.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    server.ended.set()


CSV = Reply(
    200,
    "uuid\n" + "x" * 100_000,
    {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": 'attachment; filename="permits.csv"'},
)


def export(client: Any) -> Any:
    return client.permits.export(format="csv", scope="all")


def test_file(driver: Driver, server: Server, tmp_path: Path) -> None:
    server.reply(Reply(503), CSV)
    file = driver.call(export)
    assert (file.name, file.media_type) == ("permits.csv", "text/csv")
    assert driver.call(lambda client: file.read()) == CSV.content()
    assert (len(server.requests), server.requests[0].headers["accept"]) == (2, "*/*")
    server.reply(CSV)
    written = driver.call(export)
    driver.call(lambda client: written.write_to(tmp_path / "permits.csv"))
    assert (tmp_path / "permits.csv").read_bytes() == CSV.content()


def test_file_that_ends_early(driver: Driver, server: Server) -> None:
    server.reply(Reply(200, "x" * 1000, {"Content-Type": "text/csv"}, cut=10))
    file = driver.call(export)
    error = driver.fails(APIConnectionError, lambda client: file.read())
    assert KEY not in repr(error.__cause__.request.headers.raw)


def test_file_that_stalls(make: Make, server: Server) -> None:
    server.reply(Reply(200, "xxx", {"Content-Type": "text/csv"}, drip=5))
    file = make(timeout=0.2).call(export)
    with pytest.raises(APITimeoutError):
        make().call(lambda client: file.read())


def test_file_that_is_left(driver: Driver, server: Server) -> None:
    server.reply(CSV)

    def leave(client: Any) -> Any:
        if not driver.portal:
            with export(client) as file:
                return list(islice(file.iter_bytes(), 1))

        async def run() -> Any:
            async with await export(client) as file:
                async for part in file.iter_bytes():
                    return [part]

        return run()

    assert len(driver.call(leave)) == 1


def test_file_that_fails(driver: Driver, server: Server) -> None:
    server.reply(failure(429, "too_many_exports", {"Retry-After": "90"}))
    with pytest.raises(PlotwiseError, match="too_many_exports"):
        driver.call(export)
