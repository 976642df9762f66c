"""Read the words in which organisations tell people of what they booked."""

from collections.abc import Collection, Mapping

from bookings.models import MailText

# By organisation and kind of mail.
MailTexts = Mapping[tuple[int, str], MailText]


def mail_texts(organization_ids: Collection[int]) -> MailTexts:
    """Return the words that these organisations have of their own. One query."""
    rows = MailText.objects.filter(organization__in=organization_ids)
    return {(text.organization_id, text.kind): text for text in rows}
