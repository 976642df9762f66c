from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from django.db import connection, models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bookings.models.hashed_secret import hash_of
from experts.constraints import known_value
from experts.models import Organization

# Where dots before the @ make no difference, and other names of the same provider.
DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}


def normalised(address: str) -> str:
    """Return the mailbox that an address leads to: small letters, no plus part, no dots where the provider has none."""
    local, _at, domain = address.strip().lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in DOTLESS:
        local, domain = local.replace(".", ""), DOTLESS[domain]
    return f"{local}@{domain}"


def recipient_key(address: str) -> str:
    """Return the hash by which we know a mailbox, however its address is written. It is only ever compared."""
    return hash_of(f"recipient {normalised(address)}")


def organization_key(organization_id: int) -> str:
    """Return the key by which the mails of an organisation are counted, beside those of mailboxes."""
    return hash_of(f"organization {organization_id}")


class Purse(models.TextChoices):
    """What a mail is paid from: each mailbox has one of each. How much is in them: bookings/mail/limits.py."""

    OWN = "own", _("Own bookings")
    KNOWN = "known", _("Strangers’ bookings at a proven address")
    UNKNOWN = "unknown", _("Bookings at an address that nobody has proven")
    FOLLOW_UP = "follow_up", _("Reminders, and what staff decide")
    LINK = "link", _("Links that were asked for")
    PASSWORD = "password", _("Links to a new password")
    AGAIN = "again", _("Mails asked for again, at an address that nobody has proven")
    NEW_LINK = "new_link", _("Links that were asked for, at an address that nobody has proven")
    INVITATION = "invitation", _("Invitations")
    STAFF = "staff", _("Mails to staff")


class Spent(NamedTuple):
    """What was spent on a purse so far, with what was just asked for, and the seconds until it is full again."""

    used: int
    seconds: int


class MailAllowanceQuerySet(models.QuerySet["MailAllowance"]):
    def spend(self, wanted: Iterable[tuple[str, str, int, int]]) -> dict[tuple[str, str], Spent]:
        """Count mails, each as recipient, purse, number of mails and the purse's seconds, in one statement.

        Returns by recipient and purse what is spent of it now. Two of us wait for each other for a moment only: the
        rows are taken in one order.
        """
        rows = sorted(wanted)
        if not rows:
            return {}
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO bookings_mailallowance AS kept (recipient, purse, used, ends_at)"
                " SELECT recipient, purse, used, clock_timestamp() + seconds * interval '1 second'"
                " FROM unnest(%s::text[], %s::text[], %s::int[], %s::int[]) AS asked (recipient, purse, used, seconds)"
                " ON CONFLICT (recipient, purse) DO UPDATE SET"
                " used = CASE WHEN kept.ends_at <= clock_timestamp() THEN 0 ELSE kept.used END + excluded.used,"
                " ends_at = CASE WHEN kept.ends_at <= clock_timestamp() THEN excluded.ends_at ELSE kept.ends_at END"
                " RETURNING recipient, purse, used, ceil(extract(epoch FROM ends_at - clock_timestamp()))::int",
                [list(column) for column in zip(*rows, strict=True)],
            )
            return {(recipient, purse): Spent(used, seconds) for recipient, purse, used, seconds in cursor.fetchall()}

    def use_up(self, recipient: str, purse: Purse, *, most: int, lasts: timedelta) -> None:
        """Leave nothing in a purse that has ``most`` mails, for so long from now on."""
        ends_at = timezone.now() + lasts
        row = self.model(recipient=recipient, purse=purse, used=most, ends_at=ends_at)
        self.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["recipient", "purse"],
            update_fields=["used", "ends_at"],
        )


class MailAllowance(models.Model):
    """How many mails a mailbox was sent, or a new organisation sent, from a purse, until the purse is full again.

    A row appears with the first mail and counts from then on, for the purse's time. Written by bookings/mail/limits.py.
    """

    recipient = models.CharField(max_length=64)
    purse = models.CharField(max_length=10, choices=Purse.choices)
    used = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    objects = MailAllowanceQuerySet.as_manager()

    class Meta:
        constraints = [
            known_value("purse", Purse),
            models.UniqueConstraint("recipient", "purse", name="mail_allowance_once_per_purse"),
        ]

    def __str__(self) -> str:
        return str(self.purse)


class SuppressionReason(models.TextChoices):
    """Why a mailbox gets no mails; until the address proves itself again."""

    NOT_ME = "not_me", _("“This was not me”")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
    BOUNCED = "bounced", _("Could not be delivered")
    COMPLAINED = "complained", _("Reported as spam")


# What whoever reads the mailbox has asked for.
WISHES = frozenset({SuppressionReason.NOT_ME, SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINED})


class Suppression(models.Model):
    """A mailbox that is spared: strangers’ mails, or all, do not go there (bookings/mail/limits.py).

    Goes when the address proves itself again (bookings/access/proven.py), or when staff lift it.
    """

    Reason = SuppressionReason

    recipient = models.CharField(max_length=64, primary_key=True)
    reason = models.CharField(_("reason"), max_length=12, choices=Reason.choices)
    created_at = models.DateTimeField(_("since"), db_default=Now(), editable=False)

    class Meta:
        constraints = [known_value("reason", SuppressionReason)]

    def __str__(self) -> str:
        return str(self.get_reason_display())


class NoticesOff(models.Model):
    """A mailbox that wants no notices to staff from an organisation. Its other mails still go there."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    recipient = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint("recipient", "organization", name="notices_off_once")]

    def __str__(self) -> str:
        return str(self.organization)
