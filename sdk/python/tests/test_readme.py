"""The examples of the README run as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import KEY, PERMIT, Reply, Server

README = (Path(__file__).parents[1] / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
WHOLE = [example for example in EXAMPLES if re.search(r"^(async )?with Plotwise|^asyncio.run", example, re.MULTILINE)]


def test_examples() -> None:
    assert len(WHOLE) == 2
    for example in EXAMPLES:
        compile(example.replace("return 400, error.reason", "pass"), "README.md", "exec")


@pytest.mark.parametrize("example", WHOLE)
def test_example(
    example: str, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLOTWISE_API_KEY", KEY)
    monkeypatch.setenv("PLOTWISE_BASE_URL", server.url)
    permit = {
        "uuid": PERMIT,
        "permit_number": "BLD-26-0521670",
        "address": "1 Main St",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    permit |= dict.fromkeys(["status", "stage", "state", "type", "description"], "x")
    permit |= {f"{day}_date": None for day in ("filed", "issued", "expires", "completed")}  # type: ignore[misc]
    place = {name: "x" for name in ("street", "city", "region", "postal_code")} | {"latitude": None, "longitude": None}
    whole = {**permit, "valuation": None, "location": place, "jurisdiction": {"slug": "x", "name": "x"}}
    page = Reply(200, {"data": [whole], "meta": {"per_page": 25, "next_cursor": None}})
    server.reply(page, server.replies[0])
    exec(compile(example, "README.md", "exec"), {"__name__": "__main__"})
    assert "BLD-26-0521670" in capsys.readouterr().out
    assert server.requests[0].path.startswith("/v1/permits?status=In%20Review")
