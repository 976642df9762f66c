"""How staff come in: the sessions that are open, the tries that the limits count, and the log of what happened."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from experts.constraints import known_value, log_triggers
from experts.models.organization import Organization


class StaffSessionQuerySet(models.QuerySet["StaffSession"]):
    def running(self, now: datetime) -> Self:
        """Those that are neither idle for too long nor too old, by the settings."""
        return self.filter(
            seen_at__gt=now - settings.STAFF_SESSION_IDLE, started_at__gt=now - settings.STAFF_SESSION_LASTS
        )


class StaffSession(models.Model):
    """Somebody on staff is logged in with one browser. The browser's session names this row; without it, it is over.

    So deleting a row ends the session at its next request, whoever deletes it, and knowing the row opens nothing.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    means = models.CharField(max_length=20)
    address = models.CharField(max_length=64)
    browser = models.CharField(max_length=200)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())  # to the minute
    proven_at = models.DateTimeField(db_default=Now())  # when they last gave a password, a code or a passkey
    # Only with a provider of OpenID Connect: what it is asked with whether their groups are still the same, and when
    # it last said so. The tokens are encrypted.
    tokens = models.TextField(blank=True, default="", db_default="")
    checked_at = models.DateTimeField(null=True)

    objects = StaffSessionQuerySet.as_manager()

    class Meta:
        ordering = ["-seen_at"]
        indexes = [models.Index(fields=["user", "-seen_at"], name="staff_session_of_user")]

    def __str__(self) -> str:
        return self.browser

    def is_running(self, now: datetime) -> bool:
        return now - self.seen_at < settings.STAFF_SESSION_IDLE and now - self.started_at < settings.STAFF_SESSION_LASTS


class SignInTry(models.Model):
    """Somebody is trying a password, a code or a new link, and has not been right yet: what the limits count.

    ``name`` is a keyed hash of what was typed, which may be a password in the wrong field.
    """

    name = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    device = models.CharField(max_length=32, blank=True)  # a browser in which that person was logged in before
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["name", "at"], name="sign_in_try_by_name"),
            models.Index(fields=["address", "at"], name="sign_in_try_by_address"),
        ]

    def __str__(self) -> str:
        return self.address


class Outcome(models.TextChoices):
    IN = "in", _("Logged in")
    WRONG = "wrong", _("Wrong password or code")
    LOCKED = "locked", _("Too many tries")
    REFUSED = "refused", _("Refused")
    OUT = "out", _("Logged out")


class Means(models.TextChoices):
    PASSWORD = "password", _("Password")
    TOTP = "totp", _("Password and code of an app")
    WEBAUTHN = "webauthn", _("Password and passkey")
    RECOVERY_CODES = "recovery_codes", _("Password and recovery code")
    PASSKEY = "passkey", _("Passkey")
    OIDC = "oidc", _("Single sign-on")
    INVITATION = "invitation", _("Invitation")


class SignIn(models.Model):
    """One line of the log of sign-ins. A person who works for several organisations has a line in each one's log.

    Names that are no account's are not kept at all: they may be passwords. Nobody changes a line, and the database
    lets nobody delete one before a year is over. It holds people and organisations without foreign keys, so that it
    says what happened also when they are gone.
    """

    Outcome = Outcome
    Means = Means

    at = models.DateTimeField(_("when"), db_default=Now())
    organization = models.ForeignKey(
        Organization,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        verbose_name=_("organisation"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        verbose_name=_("person"),
    )
    who = models.CharField(_("who"), max_length=254, blank=True)
    outcome = models.CharField(_("what happened"), max_length=8, choices=Outcome.choices)
    means = models.CharField(_("by which means"), max_length=20, choices=Means.choices)
    address = models.CharField(_("network address"), max_length=64)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        indexes = [models.Index(fields=["organization", "-id"], name="sign_in_of_organization")]
        constraints = [known_value("outcome", Outcome), known_value("means", Means)]
        triggers = log_triggers()

    def __str__(self) -> str:
        return self.who or str(_("unknown name"))
