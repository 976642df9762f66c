"""Build an e-mail as text and as HTML, in its reader's language and in the look and words of its organisation.

What each mail is about and says is in ``messages``; how templates are rendered once for many is in ``patterns``.
"""

import secrets
from datetime import datetime
from typing import Any, NamedTuple, Required, TypedDict
from urllib.parse import urljoin

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bookings.access import links
from bookings.mail.patterns import Pattern, Rendered, Times, patterns, render, times_of
from bookings.mail.rules import NOTICES
from bookings.models import Booking, MailKind, MailText, WaitlistEntry
from bookings.models.mail_text import WORDED
from bookings.placeholders import fill_placeholders
from bookings.selectors.mail_texts import MailTexts, mail_texts
from bookings.selectors.place import Place
from experts.clocks import Clocks
from experts.formatting import by_clock_of, zone_label, zone_line
from experts.models import Organization, SessionTerms
from experts.models.organization import Accent
from experts.patterns import PatternValues, marks_for

# The accents of static/src/app.css as sRGB, for programs that know no OKLCH: on light, on dark, and text on the latter.
ACCENT_COLOURS = {
    Accent.PETROL: ("#005f77", "#7dcae5", "#0a1b21"),
    Accent.OCEAN: ("#1b5598", "#85c1ff", "#0c1929"),
    Accent.INDIGO: ("#49489d", "#adb3ff", "#15162a"),
    Accent.PLUM: ("#7c376f", "#eea0dc", "#22121f"),
    Accent.BRICK: ("#873b26", "#fca48c", "#25130d"),
    Accent.OLIVE: ("#545b1c", "#bcc585", "#181a0c"),
    Accent.FOREST: ("#176449", "#88d0b0", "#0c1c15"),
    Accent.GRAPHITE: ("#4c575f", "#b3c0ca", "#16191b"),
}


class Mail(EmailMultiAlternatives):
    """An e-mail that brings the lines between its parts along."""

    metadata: dict[str, str]

    def message(self, **options: Any) -> Any:  # the types are those of Django 6
        # Else Python draws them, and looks through all parts for each by an expression of its own: a third of the time
        # that it takes to write a mail. Nobody can guess these.
        message = super().message(**options)
        for part in message.walk():
            if part.is_multipart():
                part.set_boundary(f"=_{secrets.token_hex(16)}")
        return message


class About(TypedDict, total=False):
    """What ``build`` wants to know besides the words."""

    to: Required[str]
    language: Required[str]
    clocks: Required[Clocks]
    at: Required[datetime]
    organization: Required[Organization | None]
    message_id: Required[str]
    texts: MailTexts | None
    reply_to: str
    not_me_url: str


def build(
    name: str,
    kind: MailKind,
    context: dict[str, Any],
    *,
    to: str,
    language: str,
    clocks: Clocks,
    at: datetime,
    organization: Organization | None,
    message_id: str,
    texts: MailTexts | None = None,
    reply_to: str = "",
    not_me_url: str = "",
) -> Mail:
    """Return ``templates/emails/<name>`` as text and as HTML, to one address. Every mail is made here.

    In the reader's language, with all times by the leading clock; ``at`` is the instant that the other clock is told
    of, and whose offset from UTC the zone's label shows. Each mail has a link that stops such mails: ``not_me_url``, or
    one by the mail itself. ``texts``: as of ``booking_mail``.
    """
    own = _own_words(kind, organization, texts)
    not_me_url = not_me_url or links.unwanted_url(message_id, to, organization)
    with translation.override(language), timezone.override(clocks.leading):
        about = {
            "kind": kind.value,
            "clocks": clocks,
            "zone_label": zone_label(clocks.leading, at),
            "zone_line": zone_line(clocks, at),
            "not_me_url": not_me_url,
            "stop_label": _stop_label(kind),
        }
        context = _look(organization) | about | context
        if "slot" in context:
            context["in_words"] = times_of(context["slot"], clocks.leading)
        if own is None and (common := _common_of(name, context)) is not None:
            words = _by_pattern(context, common)
        else:
            subject = ""
            if own is not None:
                values = _values(context, clocks, at)
                subject = fill_placeholders(own.subject, values)
                context["opening"] = fill_placeholders(own.opening, values)
            words = render(name, context, subject)
    mail = Mail(words.subject, words.text)
    mail.attach_alternative(words.html, "text/html")
    mail.to = [to]
    mail.metadata = {"mail": message_id}  # mail services repeat it when they tell what became of the mail
    mail.reply_to = [reply_to] if reply_to else []
    mail.extra_headers |= {
        # The same for every attempt, so that a mail sent twice is one mail to the reader's program.
        "Message-ID": message_id,
        "Auto-Submitted": "auto-generated",  # no answers from holiday notices
        # The mail program's own button (RFC 8058) sends a form there without opening a page.
        "List-Unsubscribe": f"<{not_me_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    return mail


class _Common(NamedTuple):
    """What the words of a mail about a booking depend on, besides the values that are filled in (``_of_each``)."""

    name: str
    kind: str
    language: str
    look: tuple[str, str, str]  # the colour, and the logo with its width and height
    organization: str
    footer: str
    title: str
    terms: SessionTerms | None
    minutes: int
    seats: int
    is_of_two: bool
    is_pending: bool
    place: Place
    there_is: tuple[bool, ...]  # which of the values are not empty


def _common_of(name: str, context: dict[str, Any]) -> _Common | None:
    """Return what the mail has in common with others; None for one with words that few mails have."""
    booking: Booking | None = context.get("booking")
    if name != "booking" or booking is None or booking.reason or context["old_slot"] or booking.expires_at:
        return None
    organization: Organization = context["organization"]
    return _Common(
        name=name,
        kind=context["kind"],
        language=context["language"],
        look=(context["accent"], context["logo_url"], str(organization.logo_size) if context["logo_url"] else ""),
        organization=organization.name,
        footer=organization.mail_footer,
        title=booking.title,
        terms=booking.terms,
        minutes=context["slot"].minutes,
        seats=booking.seats,
        is_of_two=booking.second_expert_id is not None,
        is_pending=context["is_pending"],
        place=context["place"],
        there_is=tuple(map(bool, _of_each(context).values())),
    )


def _by_pattern(context: dict[str, Any], common: _Common) -> Rendered:
    """Return the words of the mail, by the pattern of those that have as much in common."""
    values = _of_each(context)
    pattern = patterns.get(common)
    if pattern is None:
        booking, marks = context["booking"], marks_for(values)
        times = Times(*(marks[name] for name in Times._fields))
        shown = PatternValues(
            **{each: marks[each] for each in ("name", "with_whom", "reference", "session_name")},
            title=common.title,
            terms=common.terms,
            seats=common.seats,
            second_expert_id=booking.second_expert_id,
            reason="",
            expires_at=None,
        )
        slot, expert = (
            PatternValues(minutes=common.minutes, terms=common.terms),
            PatternValues(headline=marks["headline"]),
        )
        shown_things = {"booking": shown, "slot": slot, "expert": expert, "in_words": times}
        pattern = Pattern(common.name, context | marks | shown_things)
        patterns.put(common, pattern)
    return pattern.fill(values)


def _of_each(context: dict[str, Any]) -> dict[str, str]:
    """Return what is filled into a pattern of a mail about a booking."""
    booking: Booking = context["booking"]
    return {
        "name": booking.name,
        "with_whom": booking.with_whom,
        "headline": context["expert"].headline,
        "reference": booking.reference,
        "session_name": booking.session_name,
        **{each: context[each] for each in ("zone_line", "policy_line", "url", "again_url", "not_me_url")},
        **context["in_words"]._asdict(),
    }


def _own_words(kind: MailKind, organization: Organization | None, texts: MailTexts | None) -> MailText | None:
    if organization is None or kind not in WORDED:
        return None
    if texts is None:
        texts = mail_texts([organization.pk])
    return texts.get((organization.pk, kind))


def _values(context: dict[str, Any], clocks: Clocks, at: datetime) -> dict[str, str]:
    """Return what becomes of the placeholders in an organisation's own words (``PLACEHOLDERS``)."""
    booking: Booking | None = context.get("booking")
    values = {
        "organization": context["organization"].name,
        "time": by_clock_of(clocks.leading, date_format(at.astimezone(clocks.leading), "BRIEF_DAY_TIME_FORMAT")),
    }
    if booking is not None:
        values |= {"name": booking.name, "expert": booking.with_whom, "reference": booking.reference}
        return values | {"session": booking.title or _("Session")}
    entry: WaitlistEntry = context["entry"]
    title = entry.session_type.name if entry.session_type else entry.slot.title
    return values | {"name": entry.name, "expert": entry.slot.expert.name, "session": title or _("Session")}


def _stop_label(kind: MailKind) -> str:
    """Return what the link is called that stops such mails."""
    if kind in NOTICES:
        return _("No more of these emails")
    return _("This is not for me") if kind == MailKind.INVITATION else _("This was not me")


def _look(organization: Organization | None) -> dict[str, Any]:
    light, dark, on_dark = ACCENT_COLOURS[Accent(organization.accent) if organization else Accent.PETROL]
    return {
        "language": translation.get_language(),
        "organization": organization,
        "logo_url": urljoin(settings.SITE_URL, organization.logo_url) if organization and organization.logo_url else "",
        "accent": light,
        "accent_dark": dark,
        "on_accent_dark": on_dark,
    }
