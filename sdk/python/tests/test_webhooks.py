"""The messages that have to verify, and those that may not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest

from plotwise import WebhookVerificationError, models, webhooks

SHARED = Path(__file__).parents[2] / "signatures.json"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "a password that somebody has made up"
BODY = json.dumps(
    {
        "event": "permit.status_changed",
        "timestamp": "2026-01-23T10:45:00Z",
        "organization_id": "org_01k0n5v8e2f7tbqzr6m4c3x9wd",
        "data": {
            "permit_uuid": "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10",
            "permit_number": "BLD-26-0521670",
            "previous_status": "Pending",
            "new_status": "In Review – ü",
        },
    },
    ensure_ascii=False,
).encode()


def sign(body: bytes, at: int, *keys: bytes) -> dict[str, str]:
    macs = [hmac.new(key, b"evt_1.%d." % at + body, hashlib.sha256).digest() for key in keys]
    signatures = " ".join("v1," + base64.b64encode(mac).decode() for mac in macs)
    return {"Webhook-Id": "evt_1", "Webhook-Timestamp": str(at), "Webhook-Signature": signatures}


KEYS = {SECRET: base64.b64decode(SECRET[6:]), OLD: OLD.encode()}


def reason(body: bytes | str, headers: dict[str, str], secrets: Any, **options: Any) -> str:
    with pytest.raises(WebhookVerificationError) as raised:
        webhooks.verify(body, headers, secrets, **options)
    assert SECRET not in str(raised.value)
    assert OLD not in str(raised.value)
    return raised.value.reason


@pytest.mark.parametrize("vector", json.loads(SHARED.read_text())["vectors"] if SHARED.exists() else [None])
def test_shared(vector: dict[str, Any] | None) -> None:
    if vector is None:
        pytest.skip("sdk/signatures.json does not exist yet")
    arguments = (vector["headers"], vector["secrets"])
    options = {"now": vector["now"], "tolerance": vector["tolerance"]}
    for body in (vector["body"], vector["body"].encode()):
        if vector["want"] == "ok":
            assert webhooks.verify(body, *arguments, **options).event == json.loads(body)["event"], vector["name"]
        else:
            assert reason(body, *arguments, **options) == vector["want"], vector["name"]


@pytest.mark.parametrize("secrets", [SECRET, [SECRET], (OLD, SECRET), iter([SECRET, OLD])])
@pytest.mark.parametrize("signers", [[SECRET], [OLD, SECRET]])
def test_verify(secrets: Any, signers: list[str]) -> None:
    secrets = list(secrets) if not isinstance(secrets, str) else secrets
    headers = sign(BODY, int(time.time()), *[KEYS[s] for s in signers])
    event = webhooks.verify(BODY, headers, secrets or SECRET)
    assert isinstance(event, models.PermitStatusChanged)
    assert event.data.new_status == "In Review – ü"
    assert webhooks.verify(BODY.decode(), headers, SECRET) == event


def test_verify_tolerance() -> None:
    headers = sign(BODY, 1_800_000_000, KEYS[SECRET])
    for now in (1_799_999_700, 1_800_000_300):
        assert webhooks.verify(BODY, headers, SECRET, now=now).event == "permit.status_changed"
    assert reason(BODY, headers, SECRET, now=1_800_000_301) == "timestamp_too_old"
    assert reason(BODY, headers, SECRET, now=1_799_999_699) == "timestamp_too_new"
    assert reason(BODY, headers, SECRET, now=1_800_000_011, tolerance=10) == "timestamp_too_old"
    assert reason(BODY, headers, SECRET) in ("timestamp_too_old", "timestamp_too_new")


def test_verify_refuses() -> None:
    now = 1_800_000_000
    headers = sign(BODY, now, KEYS[SECRET])
    for name in headers:
        without = {k: v for k, v in headers.items() if k != name}
        assert reason(BODY, without, SECRET, now=now) == "missing_header"
        assert reason(BODY, {**without, name: ""}, SECRET, now=now) == "missing_header"
    for at in ("now", "1.8e9", "+1800000000", " 1800000000", "01800000000", "1800000000\n", "9" * 5000, "٣"):
        assert reason(BODY, {**headers, "Webhook-Timestamp": at}, SECRET, now=now) == "invalid_timestamp", at
    for secret in ("", "short", "whsec_", "whsec_xyz", SECRET + "=", SECRET + "\n", "x" * 65, [], [SECRET, ""]):
        assert reason(BODY, headers, secret, now=now) == "invalid_secret", secret
    for body in (BODY + b" ", BODY[:-1], b"", b"\xff", "\ud800"):
        assert reason(body, headers, SECRET, now=now) == "no_matching_signature", body
    for signature in (
        "v1,",
        "v1,größer",
        headers["Webhook-Signature"][3:],
        "v2" + headers["Webhook-Signature"][2:],
        "\ud800",
    ):
        assert reason(BODY, {**headers, "Webhook-Signature": signature}, SECRET, now=now) == "no_matching_signature", (
            signature
        )
    for body in (b"", b"x", b"[]", b"{}", b'{"event": 7}', b'{"event": "x"} 1', b"\xff"):
        assert reason(body, sign(body, now, KEYS[SECRET]), SECRET, now=now) == "invalid_payload", body


def test_verify_event_of_later() -> None:
    body = b'{"event": "permit.moved", "data": {"to": "Tampa"}, "new": 1}'
    event = webhooks.verify(body, sign(body, 1_800_000_000, KEYS[SECRET]), SECRET, now=1_800_000_000)
    assert isinstance(event, models.UnknownEventPayload)
    assert (event.event, event.data["to"]) == ("permit.moved", "Tampa")
    body = b'{"event": "permit.status_changed", "data": {}}'
    event = webhooks.verify(body, sign(body, 1_800_000_000, KEYS[SECRET]), SECRET, now=1_800_000_000)
    assert isinstance(event, models.UnknownEventPayload)


def test_verify_compares_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", compare)
    headers = sign(BODY, 1_800_000_000, KEYS[SECRET])
    headers["Webhook-Signature"] += " v1,AAAA"
    webhooks.verify(BODY, headers, [SECRET, OLD], now=1_800_000_000)
    assert len(compared) == 4
