"""What failures become."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

import httpx
import pytest
from conftest import KEY, Driver, Make, Reply, Server, failure

import plotwise
from plotwise import APIConnectionError, APIError, PlotwiseError

CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    402: "APIError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    405: "MethodNotAllowedError",
    408: "APIError",
    409: "ConflictError",
    410: "GoneError",
    412: "PreconditionFailedError",
    413: "ContentTooLargeError",
    415: "UnsupportedMediaTypeError",
    418: "APIError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "InternalServerError",
    599: "InternalServerError",
}


@pytest.mark.parametrize("status", CLASSES)
def test_class(make: Make, server: Server, status: int) -> None:
    server.reply(failure(status, "some_code"))
    error = make(max_retries=0).fails(getattr(plotwise, CLASSES[status]), lambda client: client.organizations.get_me())
    assert isinstance(error, APIError)
    assert isinstance(error, PlotwiseError)
    assert (error.status, error.code, error.message) == (status, "some_code", "It failed.")
    assert (error.request_id, error.doc_url, error.details) == ("req_1", "https://x/docs", [])
    assert error.headers["X-Request-ID"] == "req_header"
    assert error.body["error"]["code"] == "some_code"
    assert str(error) == f"{status} some_code: It failed. (request req_1)"


def test_details(driver: Driver, server: Server) -> None:
    detail = {"in": "query", "pointer": "per_page", "code": "maximum", "message": "must be 100 at most", "new": 1}
    error = {"code": "invalid_parameter", "message": "m", "request_id": "r", "doc_url": "d"}
    server.reply(Reply(400, {"error": {**error, "details": [detail, {"in": 1}]}}))
    found = driver.fails(plotwise.BadRequestError, lambda client: client.permits.list(per_page=101))
    assert [(d.in_, d.pointer, d.model_extra) for d in found.details] == [("query", "per_page", {"new": 1})]


@pytest.mark.parametrize(
    "body",
    ["<html>Bad Gateway</html>", "", "[]", "null", '{"error": "x"}', '{"error": {"code": 7}}', b"\xff", "[" * 99999],
)
def test_page_of_a_proxy(make: Make, server: Server, body: str | bytes) -> None:
    server.reply(Reply(502, body, {"Content-Type": "text/html"}))
    error = make(max_retries=0).fails(plotwise.InternalServerError, lambda client: client.organizations.get_me())
    assert (error.code, error.message, error.details, error.doc_url) == ("", "502 Bad Gateway", [], "")
    assert error.request_id == "req_header"


def test_page_of_a_proxy_keeps_body(make: Make, server: Server) -> None:
    server.reply(Reply(404, "<html>"))
    error = make().fails(plotwise.NotFoundError, lambda client: client.organizations.get_me())
    assert error.body == "<html>"


def test_success_of_another_form(driver: Driver, server: Server) -> None:
    bodies: list[Any] = [{"data": {"plan": 1}}, {"dat": {}}, "[]", "7"]
    for body in bodies:
        server.reply(Reply(200, body))
        error = driver.fails(APIError, lambda client: client.organizations.get_me())
        assert (error.status, len(server.requests)) == (200, 1)
        assert "not what the API describes" in str(error)


def test_pickle(driver: Driver, server: Server) -> None:
    server.reply(failure(404, "not_found"))
    error = driver.fails(plotwise.NotFoundError, lambda client: client.organizations.get_me())
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.code, str(again)) == (plotwise.NotFoundError, "not_found", str(error))


def held(error: BaseException | None) -> str:
    """All that an error and those that caused it hold."""
    if error is None:
        return ""
    text = f"{error} {error!r} {error.args!r} {vars(error)!r} {''.join(traceback.format_exception(error))}"
    if isinstance(error, httpx.RequestError):
        text += str(error.request.headers.raw)
    return text + held(error.__cause__) + held(error.__context__)


@pytest.mark.parametrize(
    "reply", [failure(401, "invalid_api_key"), Reply(reset=True), Reply(hang=5), Reply(200, "x" * 9, cut=3)]
)
def test_no_key(make: Make, server: Server, reply: Reply) -> None:
    driver = make(timeout=0.2, max_retries=1)
    server.reply(reply)
    with pytest.raises(PlotwiseError) as raised:
        driver.call(lambda client: client.organizations.get_me())
    assert KEY not in held(raised.value)
    assert KEY not in repr(driver.client)
    assert KEY not in repr(driver.client._transport.settings)
    assert KEY not in repr(driver.log)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"


def test_connection_error_says_what(driver: Driver, server: Server) -> None:
    server.reply(Reply(reset=True))
    error = driver.fails(APIConnectionError, lambda client: client.organizations.get_me())
    assert str(error).startswith("GET /v1/me: the connection failed: RemoteProtocolError")
    assert error.__cause__ is not None
