"""Runs sdk/scenarios.yaml against the server at PLOTWISE_SDK_BASE_URL, and sdk/faults.yaml through the proxy at
PLOTWISE_SDK_PROXY_URL, with the key in PLOTWISE_SDK_API_KEY. What their words mean stands at the top of those files."""

from __future__ import annotations

import os
import queue
import re
import threading
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from anyio.from_thread import BlockingPortal
from conftest import Driver, Server

import plotwise
from plotwise import APIError, PlotwiseError, models, webhooks

SDK = Path(__file__).parents[2]
BASE_URL = os.environ.get("PLOTWISE_SDK_BASE_URL", "")
PROXY_URL = os.environ.get("PLOTWISE_SDK_PROXY_URL", "")
API_KEY = os.environ.get("PLOTWISE_SDK_API_KEY", "")
KINDS = ["sync", "async"]


def read(path: Path) -> list[dict[str, Any]]:
    return yaml.safe_load(path.read_text()) or [] if path.exists() else []


SCENARIOS = read(SDK / "scenarios.yaml") + read(Path(__file__).parent / "scenarios.yaml")
FAULTS = read(SDK / "faults.yaml")


class Receiver(ThreadingHTTPServer):
    """Keeps what webhooks send."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receive)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"
        self.messages: queue.Queue[tuple[bytes, dict[str, str]]] = queue.Queue()


class Receive(BaseHTTPRequestHandler):
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.messages.put((body, dict(self.headers.items())))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """The tests say what matters."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


class Runner:
    """Runs the steps of a scenario with a client of one kind."""

    def __init__(self, portal: BlockingPortal | None, url: str, key: str, receiver: Receiver) -> None:
        self.portal, self.url, self.receiver = portal, url, receiver
        soon = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(hours=1)
        self.saved: dict[str, Any] = {"receiver": receiver.url, "soon": soon.isoformat().replace("+00:00", "Z")}
        self.drivers = {"": self.driver(key)}

    def driver(self, key: str) -> Driver:
        return Driver(self.portal, self.url, api_key=key)

    def fill(self, value: Any) -> Any:
        """A value with what was saved in the place of its names."""
        if isinstance(value, dict):
            return {k: self.fill(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.fill(v) for v in value]
        if not isinstance(value, str):
            return value
        if re.fullmatch(r"\$\w+", value):
            return self.saved[value[1:]]
        return re.sub(r"\$\{(\w+)\}", lambda found: str(self.saved[found[1]]), value)

    def run(self, step: dict[str, Any]) -> None:
        result = self.received(step) if "received" in step else self.call(step)
        for name, pointer in step.get("save", {}).items():
            self.saved[name] = at(result, pointer)
        for pointer, want in self.fill(step.get("expect", {})).items():
            assert at(result, pointer) == want, (step, pointer)
        if "begins" in step:
            assert result.startswith(self.fill(step["begins"])), step

    def received(self, step: dict[str, Any]) -> Any:
        """The next event of a type that arrives, as the SDK verifies it."""
        secret = self.fill(step["secret"])
        while True:
            body, headers = self.receiver.messages.get(timeout=30)
            event = webhooks.verify(body, headers, secret)
            if event.event == step["received"]:
                return dump(event)

    def call(self, step: dict[str, Any]) -> Any:
        key = self.fill(step.get("key", ""))
        if key not in self.drivers:
            self.drivers[key] = self.driver(key)
        driver = self.drivers[key]
        if "fails" in step:
            with pytest.raises(PlotwiseError) as raised:
                self.read(driver, step)
            error, want = raised.value, step["fails"]
            assert type(error).__name__ == want.get("type", type(error).__name__), (step, error)
            assert isinstance(error, APIError)
            assert error.status == want.get("status", error.status), (step, error)
            assert error.code == want.get("code", error.code), (step, error)
            return None
        return self.read(driver, step)

    def read(self, driver: Driver, step: dict[str, Any]) -> Any:
        if step.get("all"):
            items = driver.each(lambda client: self.start(client, step), most=1_000_000)
            assert len(items) == step.get("count", len(items)), step
            assert len(items) >= step.get("at_least", 0), step
            return {"data": [dump(item) for item in items]}
        result = driver.call(lambda client: self.start(client, step))
        if isinstance(result, (plotwise.File, plotwise.AsyncFile)):
            content: bytes = driver.call(lambda client: result.read())
            return content.decode()
        return dump(result)

    def start(self, client: Any, step: dict[str, Any]) -> Any:
        options = {"if_match": self.fill(step["if_match"])} if "if_match" in step else {}
        return start(client, step["call"], self.fill(step.get("with", {})), **options)

    def close(self) -> None:
        for driver in self.drivers.values():
            driver.close()


def start(client: Any, call: str, arguments: dict[str, Any], **options: Any) -> Any:
    """Calls a method by its name, with arguments by the names of the specification."""
    resource, method = call.split(".")
    named = {"from_" if name == "from" else name: value for name, value in arguments.items()}
    return getattr(getattr(client, resource), method)(**named, **options)


def dump(result: Any) -> Any:
    """A result as JSON; of a page or a list {data, meta}."""
    if isinstance(result, models.Model):
        return result.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if result is None:
        return None
    meta = result.meta
    return {"data": [dump(item) for item in result.data], "meta": dump(meta)}


def at(value: Any, pointer: str) -> Any:
    """What a JSON pointer leads to."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


@pytest.mark.skipif(not BASE_URL, reason="PLOTWISE_SDK_BASE_URL is not set")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_scenario(scenario: dict[str, Any], kind: str, portal: BlockingPortal, receiver: Receiver) -> None:
    runner = Runner(portal if kind == "async" else None, BASE_URL, API_KEY, receiver)
    try:
        for step in scenario["steps"]:
            runner.run(step)
    finally:
        runner.close()


def name_of(fault: dict[str, Any]) -> str:
    return str(fault.get("name") or f"{fault['fault']} {fault['call']}")


@pytest.mark.skipif(not PROXY_URL, reason="PLOTWISE_SDK_PROXY_URL is not set")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_fault(fault: dict[str, Any], kind: str, portal: BlockingPortal) -> None:
    driver = Driver(portal if kind == "async" else None, PROXY_URL, api_key=API_KEY, timeout=1, max_retries=2)
    number = str(uuid.uuid4())
    headers = {"X-Fault": fault["fault"], "X-Fault-Id": number}
    failed: PlotwiseError | None = None
    try:
        driver.call(lambda client: start(client, fault["call"], fault.get("with", {}), extra_headers=headers))
    except PlotwiseError as error:
        failed = error
    finally:
        driver.close()
    counted = httpx.get(f"{PROXY_URL}/faults/{number}").json()
    assert (failed is None) == bool(fault.get("succeeds")), failed
    if failed is not None and "error" in fault:
        assert fault["error"] in (type(failed).__name__, getattr(failed, "code", None)), failed
    assert counted["attempts"] == fault["attempts"], failed
    if "keys" in fault:
        assert len(counted["keys"]) == fault["keys"], counted


def test_runner(server: Server, portal: BlockingPortal, receiver: Receiver) -> None:
    """The runner itself: what does not hold fails."""
    runner = Runner(portal, server.url, "pw_live_x", receiver)
    step: dict[str, Any] = {
        "call": "organizations.get_me",
        "save": {"plan": "/plan"},
        "expect": {"/plan": "professional"},
    }
    runner.run(step)
    runner.run({"call": "organizations.get_me", "expect": {"/plan": "$plan", "/api_key/permissions/0": "read"}})
    assert runner.fill({"a": ["x ${plan}", "$soon"]})["a"] == ["x professional", runner.saved["soon"]]
    for wrong in ({**step, "expect": {"/plan": "starter"}}, {**step, "fails": {"status": 404}}):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            runner.run(wrong)
    runner.close()
