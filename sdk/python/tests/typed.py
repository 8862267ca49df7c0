"""What type checkers have to make of programs. It is checked, and never run."""

from __future__ import annotations

from datetime import date, datetime, timezone

from typing_extensions import assert_type

from plotwise import AsyncPage, AsyncPlotwise, Items, Page, Plotwise, RawResponse, models, webhooks


def sync(client: Plotwise) -> None:
    assert_type(client.permits.get("x"), models.PermitDetails)
    assert_type(client.permits.list(status=["In Review"], stage="in_review"), Page[models.Permit])
    for permit in client.permits.list(filed_after=date(2026, 1, 1), updated_since=datetime.now(timezone.utc)):
        assert_type(permit, models.Permit)
        assert_type(permit.updated_at, datetime)
        assert_type(permit.filed_date, date | None)
    for page in client.permits.list().pages():
        assert_type(page.data, list[models.Permit])
    assert_type(client.permits.with_raw_response.get("x"), RawResponse[models.PermitDetails])
    assert_type(client.permits.with_raw_response.get("x").parse(), models.PermitDetails)
    assert_type(client.permits.with_raw_response.list(), RawResponse[Page[models.Permit]])
    assert_type(client.usage.list(), Items[models.UsagePeriod, models.UsageListMeta])
    client.notes.delete("x", if_match="*", timeout=1, extra_headers={})
    client.notes.create("x", body="y", idempotency_key="z")
    client.watchlist.batch_add(items=[{"permit_number": "1", "tags": ["x"]}])
    item = client.watchlist.get("x")
    client.watchlist.update("x", tags=[*item.tags, "y"], priority=item.priority)
    client.conditions.create(type="company", company="x", max_retries=0)
    condition = client.conditions.create(type="location", latitude=1, longitude=2, radius_m=3, name="x")
    if isinstance(condition, models.LocationCondition):
        assert_type(condition.radius_m, int)
    for event in client.events.stream(after=1):
        assert_type(event, models.Event)
        payload = event.payload
        match payload:
            case models.PermitStatusChanged():
                assert_type(payload.data.new_status, str)
            case models.PermitFeeChanged(data=data):
                assert_type(data.fee.name, str)
            case models.UnknownEventPayload():
                assert_type(payload.event, str)
            case _:
                print(payload.data.permit_number)


def refused(client: Plotwise) -> None:
    client.conditions.create(type="company", license="x")  # type: ignore[call-overload]
    client.notes.create("x")  # type: ignore[call-arg]
    client.permits.get("x", idempotency_key="y")  # type: ignore[call-arg]
    client.permits.list(per_page="x")  # type: ignore[arg-type]
    client.permits.with_raw_response.get(7)  # type: ignore[arg-type]


async def asynchronous(client: AsyncPlotwise) -> None:
    assert_type(await client.permits.get("x"), models.PermitDetails)
    assert_type(await client.permits.list(), AsyncPage[models.Permit])
    async for permit in client.permits.list():
        assert_type(permit, models.Permit)
    assert_type(await client.permits.with_raw_response.get("x"), RawResponse[models.PermitDetails])
    assert_type(await client.permits.with_raw_response.list(), RawResponse[AsyncPage[models.Permit]])
    assert_type(await client.notes.delete("x"), None)
    async for event in client.events.stream():
        assert_type(event, models.Event)
    async with await client.permits.export(format="csv") as file:
        assert_type(await file.read(), bytes)


def verified() -> None:
    event = webhooks.verify(b"", {}, "whsec_x")
    if isinstance(event, models.PermitStatusChanged):
        assert_type(event.data, models.PermitStatusChangedData)
