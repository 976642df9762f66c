"""Have a browser work for a moment before seats are kept for it, where its network has had its share of them.

A challenge of ALTCHA (PBKDF2, solved by static/js/work.js or by a program): half a second for a person who does not
notice it, and a price for who wants hundreds. Signed, so nothing is stored until it is solved; bound to one slot.
"""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import altcha
from django.conf import settings
from django.utils import timezone

from bookings.models import SpentWork

CHALLENGE_LASTS = timedelta(minutes=20)
# 256 tries on average, of one to two milliseconds each; checking takes one.
_ALGORITHM, _COST, _PREFIX = "PBKDF2/SHA-256", 5000, "00"
LONGEST = 2000  # characters of a solution


def make_challenge(slot_id: int) -> dict[str, Any]:
    """Return a challenge for a slot: what ALTCHA's solvers take, as JSON can say it."""
    challenge = altcha.create_challenge(
        _ALGORITHM,
        _COST,
        key_prefix=_PREFIX,
        expires_at=timezone.now() + CHALLENGE_LASTS,
        data={"slot": slot_id},
        hmac_secret=_secrets()[0],
    )
    return challenge.to_dict()


def accept_work(solution: str, slot_id: int) -> bool:
    """Return whether it solves a challenge for this slot and was not used before; from now on it was.

    ``solution``: Base64 of the JSON ``{"challenge", "solution"}``, as ALTCHA writes it; "" is none.
    """
    if not solution or len(solution) > LONGEST:
        return False
    if not any(altcha.verify_solution(solution, secret).verified for secret in _secrets()):
        return False
    parameters = json.loads(base64.b64decode(solution))["challenge"]["parameters"]
    if parameters["data"] != {"slot": slot_id}:
        return False
    ends = datetime.fromtimestamp(parameters["expiresAt"], UTC)
    _row, is_new = SpentWork.objects.get_or_create(nonce=parameters["nonce"], defaults={"expires_at": ends})
    return is_new


def _secrets() -> list[str]:
    """The keys that challenges are signed with, the one of now first."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [hashlib.sha256(f"bookings.proof_of_work {key}".encode()).hexdigest() for key in keys]
