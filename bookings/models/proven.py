from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from bookings.models.hashed_secret import hash_of
from experts.constraints import known_value


class ProvenKind(models.TextChoices):
    BROWSER = "browser", _("Browser")
    ADDRESS = "address", _("E-mail address")
    PAIR = "pair", _("Browser and e-mail address")


class ProvenQuerySet(models.QuerySet["Proven"]):
    def of(self, *, visitor: str = "", email: str = "") -> Self:
        """What is known of a browser and of an address; "" is nobody."""
        return self.filter(hash__in=hashes_of(visitor, email))


class Proven(models.Model):
    """A browser or an e-mail address that has proven itself: a link that we had mailed was opened, last at that time.

    And both together (``pair``): a browser for which the reader of that address has vouched. Another browser that
    types a proven address is a stranger's, as far as anybody knows.

    Written by bookings/access/proven.py. Of all only the SHA-256 (hex) is kept: it is only ever compared.
    """

    hash = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=7, choices=ProvenKind.choices)
    proven_at = models.DateTimeField(db_index=True)
    # Of a browser: the mailbox whose link it opened (``recipient_key``), which makes few browsers known.
    recipient = models.CharField(max_length=64, blank=True, default="", db_default="")

    objects = ProvenQuerySet.as_manager()

    class Meta:
        constraints = [known_value("kind", ProvenKind)]
        indexes = [models.Index("recipient", name="proven_by_mailbox", condition=~models.Q(recipient=""))]

    def __str__(self) -> str:
        return str(self.kind)


def proven_hash(kind: str, text: str) -> str:
    """Return the hash of a browser's identity, or of an address however its letters were written."""
    return hash_of(f"{kind} {text.strip().lower()}")


def hashes_of(visitor: str, email: str = "") -> list[str]:
    """Return by which a browser and an address are known, if they are; "" is nobody."""
    known = [(ProvenKind.BROWSER, visitor), (ProvenKind.ADDRESS, email)]
    return [proven_hash(kind, text) for kind, text in known if text]


def pair_hash(visitor: str, email: str) -> str:
    """Return the hash of a browser together with an address. Of no browser ("") it is one that is never kept."""
    return proven_hash(ProvenKind.PAIR, f"{visitor} {email.strip()}")
