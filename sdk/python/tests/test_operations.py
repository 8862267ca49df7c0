"""Every operation of the specification, with its examples."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from conftest import Driver, Make, Reply, Server

import plotwise
from plotwise import APIError, AsyncPlotwise, Plotwise, PlotwiseError, models

SPEC = json.loads((Path(__file__).parents[3] / "gen" / "openapi.json").read_text())


def follow(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = SPEC
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def operations() -> Iterator[tuple[str, str, list[dict[str, Any]], dict[str, Any]]]:
    for path, item in SPEC["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                parameters = [follow(p) for p in item.get("parameters", []) + operation.get("parameters", [])]
                yield method.upper(), path, parameters, operation


def methods(client: type[Any]) -> list[str]:
    """The names of all methods, such as permits.list."""
    found = []
    for resource, attribute in vars(client).items():
        if isinstance(attribute, cached_property):
            kind = inspect.get_annotations(attribute.func)["return"]
            module = inspect.getmodule(client)
            names = vars(getattr(module, kind))
            found += [
                f"{resource}.{name}" for name in names if not name.startswith("_") and name != "with_raw_response"
            ]
    return found


OPERATIONS = list(operations())
METHODS = [name for name in methods(Plotwise) if name != "events.stream"]


def method_of(client: Any, name: str) -> Any:
    resource, method = name.split(".")
    return getattr(getattr(client, resource), method)


@pytest.fixture
def named(make: Make, server: Server) -> dict[tuple[str, str], str]:
    """Which method calls which operation, found by calling all of them."""
    found = {}
    driver = make(max_retries=0)
    for name in METHODS:
        server.reply(Reply(400))
        parameters = inspect.signature(method_of(driver.client, name)).parameters.values()
        needed = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        with pytest.raises(APIError):
            driver.call(lambda client, name=name, needed=needed: method_of(client, name)(**dict.fromkeys(needed, "x")))  # type: ignore[misc]
        sent = server.requests[0]
        path = urlsplit(sent.path).path
        fits = [o for o in OPERATIONS if o[0] == sent.method and re.fullmatch(re.sub(r"\{\w+\}", "x", o[1]), path)]
        assert len(fits) == 1, name
        found[fits[0][0], fits[0][1]] = name
    return found


def test_methods_of_both() -> None:
    assert methods(Plotwise) == methods(AsyncPlotwise)
    assert len(METHODS) == len(OPERATIONS)


def python_name(name: str) -> str:
    return {"from": "from_"}.get(name, name)


def test_operations(make: Make, server: Server, named: dict[tuple[str, str], str]) -> None:
    assert len(named) == len(OPERATIONS)
    driver = make()
    for method, path, parameters, operation in OPERATIONS:
        name = named[method, path]
        for body in bodies(operation):
            for status, content_type, example in successes(operation):
                check(driver, server, (method, path, name), parameters, body, Reply(status, example, content_type))


def bodies(operation: dict[str, Any]) -> list[dict[str, Any] | None]:
    if "requestBody" not in operation:
        return [None]
    examples = follow(operation["requestBody"])["content"]["application/json"]["examples"]
    return [follow(e)["value"] for e in examples.values()]


def successes(operation: dict[str, Any]) -> Iterator[tuple[int, dict[str, str], Any]]:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            content = follow(response).get("content")
            for kind, media in (content or {}).items():
                for example in media["examples"].values():
                    yield int(status), {"Content-Type": kind}, follow(example)["value"]
            if not content:
                yield int(status), {}, b""


def check(
    driver: Driver,
    server: Server,
    operation: tuple[str, str, str],
    parameters: list[dict[str, Any]],
    body: dict[str, Any] | None,
    reply: Reply,
) -> None:
    method, path, name = operation
    chosen = {p["name"]: p for p in parameters if p["in"] != "header" and "example" in p}
    arguments = {python_name(n): p["example"] for n, p in chosen.items()}
    server.reply(reply)
    result = driver.call(lambda client: method_of(client, name)(**arguments, **(body or {})))
    sent = server.requests[0]
    for n, p in chosen.items():
        if p["in"] == "path":
            path = path.replace(f"{{{n}}}", quote(p["example"], safe=""))
    assert (sent.method, urlsplit(sent.path).path) == (method, path)
    assert parse_qs(urlsplit(sent.path).query) == {n: wire(p) for n, p in chosen.items() if p["in"] == "query"}, name
    assert (json.loads(sent.body) if sent.body else None) == body, name
    if reply.status == 204:
        assert result is None
    elif isinstance(reply.body, dict) and reply.headers["Content-Type"] == "application/json":
        whole = plain(result)
        assert whole == {k: instants(v) for k, v in reply.body.items() if k in whole}, name
        assert not holds_unknown(result), name
    else:
        assert driver.call(lambda client: result.read()) == reply.content(), name


def wire(parameter: dict[str, Any]) -> list[str]:
    values = parameter["example"] if isinstance(parameter["example"], list) else [parameter["example"]]
    texts = [str(v).lower() if isinstance(v, bool) else str(v) for v in values]
    return [",".join(texts)] if parameter.get("explode") is False else texts


def plain(result: Any) -> Any:
    """A result as the JSON that it was."""
    if isinstance(result, models.Model):
        return {"data": dump(result)}
    whole = {"data": [dump(item) for item in result.data]}
    return whole if result.meta is None else {**whole, "meta": dump(result.meta)}


def dump(model: models.Model) -> Any:
    return instants(model.model_dump(mode="json", by_alias=True, exclude_unset=True))


def instants(value: Any) -> Any:
    """A value of JSON with its instants written in one way, however many digits their seconds have."""
    if isinstance(value, dict):
        return {k: instants(v) for k, v in value.items()}
    if isinstance(value, list):
        return [instants(v) for v in value]
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z", value) if isinstance(value, str) else None
    return f"{found[1]}.{(found[2] or '.')[1:]:0<6}Z" if found else value


def holds_unknown(result: Any) -> bool:
    return "Unknown" in repr(result)


def test_failures(make: Make, server: Server) -> None:
    """Every failure of the specification has a class, and is read with its details."""
    driver = make(max_retries=0)
    count = 0
    for _, _, _, operation in OPERATIONS:
        for status, response in operation["responses"].items():
            for example in follow(response).get("content", {}).get("application/json", {}).get("examples", {}).values():
                body = follow(example)["value"]
                if "error" not in body:
                    continue
                server.reply(Reply(int(status), body))
                with pytest.raises(APIError) as raised:
                    driver.call(lambda client: client.organizations.get_me())
                error = raised.value
                assert type(error) is not APIError
                assert (error.status, error.code) == (int(status), body["error"]["code"])
                assert [dump(d) for d in error.details] == body["error"]["details"]
                count += 1
    assert count > 100


def test_exports() -> None:
    for name in plotwise.__all__:
        assert getattr(plotwise, name) is not None
    assert issubclass(plotwise.APITimeoutError, plotwise.APIConnectionError)
    assert issubclass(plotwise.WebhookVerificationError, PlotwiseError)
