"""Write the words in which an organisation tells people of what they booked."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from bookings.errors import ChangedByOthers, InvalidDetails, NotFound
from bookings.models import MailKind, MailText
from experts.locking import slot_transaction
from experts.models import Organization


def save_mail_text(
    *, organization_id: int, kind: MailKind, subject: str, opening: str, seen: tuple[str, str] | None = None
) -> MailText | None:
    """Let the organisation's mails of a kind have this subject and this opening; what is empty: as the product has it.

    Mails that are sent from now on have it, those that wait already too. ``seen``: subject and opening as whoever
    changes them saw them. Returns None where nothing is left of its own. Raises ChangedByOthers where they are others
    by now; InvalidDetails, for a placeholder that there is not too; NotFound, Busy.
    """
    subject, opening = _plain(subject), _plain(opening)
    with slot_transaction():
        # One change of an organisation's words after the other.
        if Organization.objects.select_for_update(no_key=True).filter(pk=organization_id).first() is None:
            raise NotFound(_("There is no such organisation."))
        stored = MailText.objects.filter(organization=organization_id, kind=kind).first()
        text = stored or MailText(organization_id=organization_id, kind=kind)
        if (text.subject, text.opening) == (subject, opening):
            return stored
        if seen is not None and (text.subject, text.opening) != (_plain(seen[0]), _plain(seen[1])):
            raise ChangedByOthers
        if not subject and not opening:
            text.delete()
            return None
        text.subject, text.opening = subject, opening
        try:
            text.full_clean(validate_constraints=False)
        except ValidationError as error:
            raise InvalidDetails(error.message_dict) from error
        text.save()
    return text


def _plain(text: str) -> str:
    """Browsers send other line breaks than are stored."""
    return text.strip().replace("\r\n", "\n")
