"""Write who comes in: sessions of staff, the log of sign-ins, and the tries that wrong passwords and codes count as.

A try is written before anything is compared, and each limit counts it, so that many at once are no way round. The
limits, by what somebody who guesses can have as many of as they like, and what not:

- somebody at a browser in which that person was logged in before: 8 in a quarter of an hour, counted for that browser
  alone. So whatever others try, and from wherever, colleagues get in where they usually work.
- everybody else: 8 in a quarter of an hour for one name from one address, 40 for one address and all names (spraying),
  and 40 an hour for one name from all addresses (guessing by many).
"""

from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from experts.locking import slot_transaction
from experts.models import Means, Membership, Outcome, SignIn, SignInTry, StaffSession, User

QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
PER_NAME_AND_ADDRESS = PER_NAME_AND_DEVICE = 8  # in a quarter of an hour
PER_ADDRESS = 40  # in a quarter of an hour
PER_NAME = 40  # in an hour
LONGEST_BROWSER = 200  # characters of what a browser calls itself


def count_try(*, name: str, address: str, device: str = "") -> SignInTry | None:
    """Count one try for ``name``. Return it, or None when it is one too many: then nothing may be compared.

    A refused try counts for nothing, so that the limits end by themselves. ``device`` is a browser in which that
    person was logged in before. Not to be called in a transaction: the tries of others must be seen.
    """
    digest = salted_hmac("experts.sign_in", name.strip().lower(), algorithm="sha256").hexdigest()
    row = SignInTry.objects.create(name=digest, address=address, device=device)
    now = timezone.now()
    recent, mine, here = Q(at__gt=now - QUARTER), Q(name=digest), Q(address=address)
    if device:
        limits = {"device": (recent & mine & Q(device=device), PER_NAME_AND_DEVICE)}
    else:
        limits = {
            "pair": (recent & mine & here & Q(device=""), PER_NAME_AND_ADDRESS),
            "address": (recent & here & Q(device=""), PER_ADDRESS),
            "name": (mine & Q(device=""), PER_NAME),
        }
    tries = SignInTry.objects.filter(mine | here, at__gt=now - HOUR)
    counts = tries.aggregate(**{limit: Count("pk", filter=which) for limit, (which, _most) in limits.items()})
    if any(counts[limit] > most for limit, (_which, most) in limits.items()):
        row.delete()
        return None
    return row


def forget_tries(right: SignInTry) -> None:
    """After the right password: forget the wrong ones for that name from there. Other names from there still count."""
    SignInTry.objects.filter(name=right.name, address=right.address, device=right.device).delete()


def log_sign_in(*, user: User | None, outcome: Outcome, means: Means, address: str) -> None:
    """Write what happened into the log of each organisation that somebody works for; None is nobody's name."""
    organizations: list[int | None] = []
    if user is not None:
        organizations = list(Membership.objects.filter(user=user).values_list("organization_id", flat=True))
    SignIn.objects.bulk_create(
        SignIn(
            user=user,
            organization_id=organization_id,
            who=user.email if user else "",
            outcome=outcome,
            means=means,
            address=address,
        )
        for organization_id in organizations or [None]
    )


def log_lock(*, user: User, means: Means, address: str) -> None:
    """As ``log_sign_in``, that somebody may not try any more for now; one line while that lasts.

    Nobody could take lines away again that somebody outside has filled the log with.
    """
    known = SignIn.objects.filter(user=user, outcome=Outcome.LOCKED, address=address, at__gt=timezone.now() - QUARTER)
    if not known.exists():
        log_sign_in(user=user, outcome=Outcome.LOCKED, means=means, address=address)


def begin_session(
    *,
    user: User,
    means: Means,
    address: str,
    browser: str,
    tokens: str = "",
    checked_at: datetime | None = None,
    proven_at: datetime | None = None,
) -> StaffSession:
    """Let somebody in, and log it. The last three are what a provider of single sign-on said, and when."""
    with slot_transaction():
        log_sign_in(user=user, outcome=Outcome.IN, means=means, address=address)
        return StaffSession.objects.create(
            user=user,
            means=means,
            address=address,
            browser=browser[:LONGEST_BROWSER].replace("\x00", ""),
            tokens=tokens,
            checked_at=checked_at,
            proven_at=proven_at or timezone.now(),
        )


def end_session(*, user: User, session_id: int) -> None:
    """End one of somebody's sessions, at its next request."""
    StaffSession.objects.filter(pk=session_id, user=user).delete()


def end_sessions(*, user_id: int, but: int | None = None) -> None:
    """End all of somebody's sessions but that one: after a new password, or when they no longer work here."""
    sessions = StaffSession.objects.filter(user_id=user_id)
    (sessions if but is None else sessions.exclude(pk=but)).delete()


def running_sessions(user: User) -> list[StaffSession]:
    """Return somebody's sessions, the one that was used last first."""
    return list(StaffSession.objects.filter(user=user).running(timezone.now()))
