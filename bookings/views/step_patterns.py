"""Fill in the steps that nearly everybody sees as they are: details, review, done.

Each (``templates/bookings/_book_*.html``) is rendered once with marks for what differs (experts/patterns.py), for all
that have in common what templates decide about. What shows something of its own is left to the templates: errors,
questions, session types, a challenge.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from bookings.forms import BookingForm, consent_text, most_to_choose
from bookings.templatetags.steps import booking_summary
from experts.models import Session
from experts.patterns import Patterns, PatternValues

_steps = Patterns(500)
_ADDRESSES = ("form_url", "release_url", "back_url", "extend_url")
_TYPED = ("name", "email", "phone", "notes", "key", "opened", "again", "asked", "work")
_ROWS = "abcdefghij"  # names of the marks of rows


@dataclass(frozen=True)
class NewForm:
    """A form that nobody has sent yet, for ``show_step``: it is made only where it has to be."""

    slot: Any
    held: int
    questions: list[Any]
    initial: dict[str, Any]

    def made(self) -> BookingForm:
        return BookingForm(slot=self.slot, held=self.held, questions=self.questions, initial=self.initial)


def fill_step(request: Any, step: str, context: dict[str, Any]) -> SafeString | None:
    """Return what the template of the step makes of the context of ``show_step``; None where it is to be asked itself.

    By the clock that is active. Where there is a form, the context gets its ``csrf_token``.
    """
    if context["asks"] or "challenge" in context or isinstance(context["slot"], Session):
        return None
    form = context.get("form")
    if step == "details" and isinstance(form, NewForm):
        about, values, render = _details(form)
        values["note"] = context.get("note", "")
    elif step == "review" and not (context["answers"] or context["has_changed"]):
        about, values, render = _review(form, context)
    elif step == "done" and not (context["mail_state"] and context["mail_state"].needs_more):
        about, values, render = _done(context)
    else:
        return None
    if form is not None:
        context["csrf_token"] = values["csrf_token"] = get_token(request)
    values |= {name: context.get(name, "") for name in _ADDRESSES}
    values["summary_html"] = booking_summary(context, badge=context["booking"].status if step == "done" else "")
    countdown = context["countdown"]
    if countdown:
        values |= {
            "countdown_key": countdown.key,
            "left": str(countdown.left),
            "total": str(countdown.total or ""),
            "time": countdown.time,
        }
    # What is in the context as it is, for the template and its tags.
    shape = {
        "step": context["step"],
        "asks": False,
        "extensions": context.get("extensions"),
        "extend_minutes": context.get("extend_minutes"),
    }

    def render_step(marks: dict[str, str]) -> str:
        left = None
        if countdown:
            left = PatternValues(
                key=marks["countdown_key"], left=marks["left"], total=marks["total"], time=marks["time"]
            )
        rendered = render_to_string(f"bookings/_book_{step}.html", marks | shape | {"countdown": left} | render(marks))
        if step == "done":  # in addresses the mark is quoted
            rendered = rendered.replace(quote(marks["reference"]), marks["reference"])
        return rendered

    return _steps.fill((step, *shape.values(), bool(countdown), about), values, render_step)


def _details(form: NewForm) -> tuple[Any, dict[str, Any], Any]:
    expert, initial = form.slot.expert, form.initial
    values = {name: _shown(initial.get(name)) for name in _TYPED}
    values["consent"] = consent_text(expert.organization.name)
    most = most_to_choose(form.slot, form.held)
    chosen = (form.held, initial.get("seats")) if most > 1 else None
    # The example of a phone number goes by the zone.
    about = most, chosen, bool(initial.get("agree")), expert.timezone

    def render(marks: dict[str, str]) -> dict[str, Any]:
        kept = {name: initial[name] for name in ("seats", "agree") if name in initial}
        marked = BookingForm(slot=form.slot, held=form.held, initial={name: marks[name] for name in _TYPED} | kept)
        marked.fields["agree"].label = marks["consent"]
        return {"form": marked}

    return about, values, render


def _review(form: BookingForm, context: dict[str, Any]) -> tuple[Any, dict[str, Any], Any]:
    slot, summary, details = context["slot"], context["summary"], context["details"]
    values = {f"typed_{name}": _shown(form[name].value()) for name in form.fields}
    values |= {f"row_{letter}": text for letter, (_label, text) in zip(_ROWS, details, strict=False)}
    values |= {name: summary[name] for name in ("day", "time", "zone_line")}
    values["span"] = values.pop("time")  # the countdown has one, too
    values |= {"venue_label": slot.venue_label, "address": slot.address}
    values |= {name: context[name] for name in ("cancel_line", "policy_text")}
    about = tuple(form.fields), tuple(label for label, _text in details)

    def render(marks: dict[str, str]) -> dict[str, Any]:
        # Not sent, so that it shows what it begins with.
        marked = BookingForm(slot=slot, initial={name: marks[f"typed_{name}"] for name in form.fields})
        marked.fields = form.fields
        return {
            "form": marked,
            "details": [(label, marks[f"row_{letter}"]) for letter, (label, _) in zip(_ROWS, details, strict=False)],
            "summary": PatternValues(day=marks["day"], time=marks["span"], zone_line=marks["zone_line"]),
            "slot": PatternValues(terms=None, venue_label=marks["venue_label"], address=marks["address"]),
        }

    return about, values, render


def _done(context: dict[str, Any]) -> tuple[Any, dict[str, Any], Any]:
    booking, place, mail = context["booking"], context["place"], context["mail_state"]
    values = {
        "email": booking.email,
        "reference": booking.reference,
        "mail_text": mail.text if mail else "",
        "google_url": context["google_url"],
        "place_note": context["place_note"],
        "cancel_line": context["cancel_line"],
    }
    about = context["look_again_in"], place.venue, bool(place.note), booking.status

    def render(marks: dict[str, str]) -> dict[str, Any]:
        return {
            "booking": PatternValues(email=marks["email"], reference=marks["reference"], status=booking.status),
            "mail_state": PatternValues(text=marks["mail_text"], needs_address=False, may_ask=False) if mail else None,
            "place": PatternValues(note=bool(place.note), venue=place.venue),
            "place_note": marks["place_note"],
            "look_again_in": context["look_again_in"],
        }

    return about, values, render


def _shown(value: Any) -> str:
    """What a field with the value writes; "" where that is nothing."""
    return "" if value is None else str(value)
