"""Tokens of programs: made and revoked."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.errors import InvalidDetails
from bookings.models import ApiToken
from bookings.models.api_token import new_token
from bookings.models.hashed_secret import hash_of


def create_token(*, token: ApiToken) -> str:
    """Keep a new token. Returns its secret, which is nowhere else. Raises InvalidDetails."""
    secret = new_token()
    token.token_hash, token.ending = hash_of(secret), secret[-4:]
    if isinstance(token.expires_at, datetime) and token.expires_at <= timezone.now():
        raise InvalidDetails({"expires_at": [_("Choose a time that lies ahead.")]})
    try:
        token.full_clean()
    except ValidationError as error:
        raise InvalidDetails(error.message_dict) from error
    token.save(force_insert=True)
    return secret


def revoke_token(*, token_id: int) -> bool:
    """Make a token worth nothing from the next request on. False when it was already."""
    return bool(ApiToken.objects.filter(pk=token_id, revoked_at=None).update(revoked_at=Now()))
