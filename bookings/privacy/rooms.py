"""What this app keeps about people, in the order in which it is given out and erased.

What is kept where and for how long: docs/privacy.md.
"""

from django.utils.translation import gettext_lazy as _

from bookings.privacy import of_addresses, of_bookings
from bookings.privacy.registry import PersonalData, register

register(
    PersonalData(
        "bookings", _("Bookings"), export=of_bookings.export_bookings, erase_bookings=of_bookings.erase_rows_of_bookings
    ),
    PersonalData(
        "questions",
        _("What you were asked"),
        export=of_bookings.export_questions,
        erase_bookings=of_bookings.erase_questions_of_bookings,
    ),
    PersonalData(
        "rescues",
        _("Other times for you"),
        export=of_bookings.export_rescues,
        erase_bookings=of_bookings.erase_rescues_of_bookings,
    ),
    # Before the history, which knows to which bookings the address once belonged.
    PersonalData(
        "webhooks",
        _("What programs were told"),
        export=of_bookings.export_webhooks,
        erase=of_bookings.erase_webhooks,
        erase_bookings=of_bookings.erase_webhooks_of_bookings,
    ),
    PersonalData(
        "history",
        _("What happened to them"),
        export=of_bookings.export_history,
        erase=of_bookings.erase_history,
        erase_bookings=of_bookings.erase_history_of_bookings,
    ),
    PersonalData(
        "e-mails",
        _("E-mails to you"),
        export=of_bookings.export_mails,
        erase=of_bookings.erase_mails,
        erase_bookings=of_bookings.erase_mails_of_bookings,
    ),
    PersonalData("answers", _("Answers kept for retries"), erase_bookings=of_bookings.erase_answers_of_bookings),
    PersonalData("waitlist", _("Waitlists"), export=of_addresses.export_waitlist, erase=of_addresses.erase_waitlist),
    # Before proofs and look-ups, which know the browsers.
    PersonalData(
        "proven", _("What has proven itself"), export=of_addresses.export_proven, erase=of_addresses.erase_proven
    ),
    PersonalData(
        "proofs",
        _("Browsers in which you opened your bookings"),
        export=of_addresses.export_proofs,
        erase=of_addresses.erase_proofs,
        erase_bookings=of_addresses.erase_proofs_of_bookings,
    ),
    PersonalData(
        "look-ups", _("Links that were asked for"), export=of_addresses.export_lookups, erase=of_addresses.erase_lookups
    ),
    PersonalData("blocks", _("Blocked by an organisation"), export=of_addresses.export_blocks),
    PersonalData("suppressions", _("E-mails that are stopped"), export=of_addresses.export_suppressions),
)
