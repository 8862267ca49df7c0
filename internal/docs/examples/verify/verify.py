import base64
import hashlib
import hmac
import re
import time

TOLERANCE = 300  # seconds


def verify(secret, headers, body, now=None):
    """Return for a request that was signed with the secret (whsec_…) within the last five minutes, else raise ValueError.

    headers is what your framework gives you, whose get() does not care about case; body is the bytes as they were
    received: JSON that was decoded and encoded again has another signature.
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    if not key:
        raise ValueError("the secret is not whsec_ and base64")
    message_id, timestamp = headers.get("webhook-id"), headers.get("webhook-timestamp")
    if not message_id or not re.fullmatch(r"[0-9]{1,15}", timestamp or ""):
        raise ValueError("webhook-id or webhook-timestamp is missing or malformed")
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE:
        raise ValueError("webhook-timestamp is too far from now")
    signed = f"{message_id}.{timestamp}.".encode() + body
    want = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    signatures = (headers.get("webhook-signature") or "").split(" ")  # two while a secret is rotated
    if not any(hmac.compare_digest(s.encode(), want) for s in signatures):
        raise ValueError("webhook-signature does not match")
