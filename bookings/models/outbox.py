from collections.abc import Collection, Sequence
from datetime import timedelta
from operator import attrgetter
from typing import Any, NamedTuple, Self

from django.db import connection, models
from django.db.models import Func
from django.db.models.functions import Lower, Now

from bookings.models.booking import Booking
from bookings.models.notification import MailKind, MailStatus, Notification
from experts import request_ids
from experts.constraints import known_value
from experts.sending import HELD


class Postponed(NamedTuple):
    """A row that is due again after ``seconds``; ``is_uncounted`` when nothing was attempted."""

    pk: int
    seconds: int = 0
    is_uncounted: bool = False


class OutboxMailQuerySet(models.QuerySet["OutboxMail"]):
    def add(self, mails: Sequence[tuple[int, str, int, bool, str]], wait: timedelta = timedelta(0)) -> None:
        """Insert mails in one statement, due after ``wait``.

        Each as booking id, kind, sequence, ``by_visitor`` and ``request_name``.
        """
        parameters: list[Any] = [wait, *(list(column) for column in zip(*mails, strict=True))]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO bookings_outboxmail (booking_id, kind, sequence, by_visitor, request_name, due_at)"
                " SELECT mail.*, clock_timestamp() + %s"
                " FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::boolean[], %s::text[]) AS mail",
                parameters,
            )

    def unsent(self, kinds: Collection[str]) -> Self:
        """Mails of these kinds that nobody has begun to send, and whose time has not come: they can be taken back."""
        return self.filter(kind__in=kinds, attempts=0, due_at__gt=Func(function="clock_timestamp"))

    def claim(self, most: int, lease: timedelta) -> list["OutboxMail"]:
        """Take rows that are due, the most urgent first, and count the attempt. Nobody else is given them meanwhile.

        They are due again when ``lease`` is over, unless they are deleted or postponed before: so what a worker leaves
        behind is done by another. Several workers share the rows without waiting for each other. Returns the rows in
        the order in which they were queued. None while nothing may be sent (experts/sending.py).
        """
        # A plain IN (SELECT … LIMIT) may be worked out several times, and would then lock more than ``most``.
        rows = self.model.objects.raw(
            "WITH due AS MATERIALIZED ("
            " SELECT id FROM bookings_outboxmail WHERE due_at <= clock_timestamp()"
            f" AND NOT {HELD}"
            " ORDER BY priority, due_at LIMIT %s FOR UPDATE SKIP LOCKED)"
            " UPDATE bookings_outboxmail AS mail SET due_at = clock_timestamp() + %s, attempts = mail.attempts + 1"
            " FROM due WHERE mail.id = due.id RETURNING mail.*",
            [most, lease],
        )
        return sorted(rows, key=attrgetter("pk"))

    def remove(self, keys: Sequence[int]) -> None:
        """Delete rows, in one statement and without reading them first."""
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM bookings_outboxmail WHERE id = ANY(%s)", [list(keys)])

    def release(self, email: str) -> None:
        """Let what was held back from an address be due now. One statement, a second one if there was anything."""
        held = Notification.objects.annotate(address=Lower("to")).filter(address=email.lower(), status=MailStatus.HELD)
        if bookings := set(held.values_list("booking_id", flat=True)):
            self.filter(booking__in=bookings, due_at__gt=Now()).update(due_at=Now())

    def postpone(self, rows: Sequence[Postponed]) -> None:
        """Let claimed rows be due again, each after its time, in one statement."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE bookings_outboxmail AS mail"
                " SET due_at = clock_timestamp() + later.seconds * interval '1 second',"
                " attempts = mail.attempts - later.uncounted::int"
                " FROM unnest(%s::bigint[], %s::int[], %s::boolean[]) AS later (id, seconds, uncounted)"
                " WHERE mail.id = later.id",
                [[row.pk for row in rows], [row.seconds for row in rows], [row.is_uncounted for row in rows]],
            )


class OutboxMail(models.Model):
    """A mail about a booking that is to be sent: written with the change that causes it, deleted once that is done.

    What is said, to whom, and whether it is still true is found out when it is sent (bookings/mail/outbox.py); so there
    is no address in here. docs/decisions/0019-outbox-for-mails.md.
    """

    # Reminders come last: thousands of them may be due in one minute.
    AT_ONCE, LAST = 0, 1

    # As a job would, the row names its booking and no more: a booking that is gone has no mails, and writing one costs
    # neither a look at the booking nor another index.
    booking = models.ForeignKey(
        Booking, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    kind = models.CharField(max_length=20, choices=MailKind.choices)
    # The booking's when the mail was queued.
    sequence = models.PositiveIntegerField()
    # Whether a visitor caused it, who may have typed anybody's address, and not staff or the clock.
    by_visitor = models.BooleanField(default=False, db_default=False)
    # By which logs tell what caused it; "" where no request did (experts/request_ids.py).
    request_name = models.CharField(max_length=request_ids.LONGEST, default="", db_default="")
    priority = models.PositiveSmallIntegerField(default=AT_ONCE, db_default=AT_ONCE)
    # Of a row that a worker has taken: until when it is that worker's.
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveIntegerField(default=0, db_default=0)

    objects = OutboxMailQuerySet.as_manager()

    class Meta:
        constraints = [known_value("kind", MailKind)]
        indexes = [models.Index("priority", "due_at", name="outbox_mail_due")]

    def __str__(self) -> str:
        return f"{self.kind}, {self.booking_id}"


class ReminderMark(models.Model):
    """How far reminders of a kind have got: those of sessions that start up to ``until`` are in the outbox, or were.

    Grows only, so that each session passes it once: nobody is reminded twice, however often one looks.
    """

    kind = models.CharField(max_length=20, choices=MailKind.choices, primary_key=True)
    until = models.DateTimeField()

    class Meta:
        constraints = [known_value("kind", MailKind)]

    def __str__(self) -> str:
        return self.kind
