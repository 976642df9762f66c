"""Signatures as Standard Webhooks 1.0.0 says (https://www.standardwebhooks.com), with the symmetric scheme ``v1``."""

import hashlib
import hmac
from base64 import b64decode, b64encode

PREFIX = "whsec_"


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """``v1,`` and the HMAC-SHA256 of ``id.timestamp.body``. ``timestamp`` is of the attempt, in Unix seconds."""
    key = b64decode(secret.removeprefix(PREFIX))
    signed = b".".join([event_id.encode(), str(timestamp).encode(), body])
    return "v1," + b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(secrets: list[str], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers that a receiver verifies. Several secrets while one replaces the other: any may match."""
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, event_id, timestamp, body) for secret in secrets),
    }
