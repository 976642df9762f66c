"""What the steps of booking have in common, filled into patterns: each visitor sees it three times."""

from functools import partial
from types import SimpleNamespace

from django import template
from django.template.loader import render_to_string

from experts.formatting import clock, deadline
from experts.models import Session
from experts.patterns import Patterns, PatternValues

register = template.Library()
_boxes, _steppers, _summaries, _buttons = Patterns(200), Patterns(50), Patterns(500), Patterns(50)


@register.simple_tag(takes_context=True)
def stepper(context):
    """Where one is: ``templates/bookings/_steps.html``."""
    about = context.get("step"), bool(context.get("asks"))
    return _steppers.fill(about, {}, partial(_render_stepper, *about))


def _render_stepper(step, asks, _values):
    return render_to_string("bookings/_steps.html", {"step": step, "asks": asks})


@register.simple_tag(takes_context=True)
def countdown_box(context, place, oob=False):
    """The time left of a hold: ``templates/bookings/_countdown_box.html``. Nothing where there is no countdown."""
    if not (countdown := context.get("countdown")):
        return ""
    values = {
        "key": countdown.key,
        "left": str(countdown.left),
        "total": str(countdown.total or ""),
        "time": countdown.time,
        "deadline": "",
        "extend_url": context.get("extend_url", ""),
        "problem": context.get("problem", ""),
    }
    if place == "side":
        clocks = context["clocks"]
        values["deadline"] = deadline(countdown.until, clocks, clock(countdown.until, clocks.leading))
    shape = {
        "place": place,
        "oob": oob,
        "has_asked": bool(context.get("has_asked")),
        "extensions": context.get("extensions"),
        "extend_minutes": context.get("extend_minutes"),
    }
    return _boxes.fill(tuple(shape.values()), values, partial(_render_box, shape))


def _render_box(shape, values):
    # With the names that a Countdown has.
    countdown = SimpleNamespace(**{name: values[name] for name in ("key", "left", "total", "time")})
    return render_to_string("bookings/_countdown_box.html", values | shape | {"countdown": countdown})


@register.simple_tag(takes_context=True)
def over_button(context):
    """What is pressed when the hold is over, and what keeps it without script: ``_over_button.html``."""
    shape = {
        "countdown": bool(context.get("countdown")),
        "step": context.get("step"),
        "extend_minutes": context.get("extend_minutes"),
    }
    values = {"extend_url": context.get("extend_url", "")}
    return _buttons.fill(tuple(shape.values()), values, partial(_render_button, shape))


def _render_button(shape, values):
    return render_to_string("bookings/_over_button.html", shape | values)


@register.simple_tag(takes_context=True)
def booking_summary(context, badge="", taken=False, ended=False):
    """What is being booked: ``templates/bookings/_summary.html``.

    ``badge``: a booking's status; ``taken``: the slot cannot be booked; ``ended``: the hold is over. Where a
    whole step is filled in (views/step_patterns.py), it was put together before.
    """
    if filled := context.get("summary_html"):
        return filled
    slot, expert, box = context["slot"], context["expert"], countdown_box(context, "side")
    shape = {"badge": badge, "taken": taken, "ended": ended, "reason": context.get("reason", "")}
    if isinstance(slot, Session):
        return render_to_string("bookings/_summary.html", context.flatten() | shape | {"countdown_box": box})
    values = context["summary"] | {
        "countdown_box": box,
        "back_url": context["back_url"],
        "name": expert.name,
        "initials": expert.initials,
        "headline": expert.headline,
        "organization": expert.organization.name,
        "photo": expert.photo_small,
        "title": slot.title,
        "venue_label": slot.venue_label,
    }
    shape |= {
        "tint": expert.tint,
        "minutes": slot.minutes,
        "capacity": slot.capacity,
        "venue_icon": slot.venue_icon,
    }
    return _summaries.fill(tuple(shape.values()), values, partial(_render_summary, shape))


def _render_summary(shape, values):
    expert = PatternValues(
        name=values["name"],
        tint=shape["tint"],
        initials=values["initials"],
        headline=values["headline"],
        photo=values["photo"],
        photo_small=values["photo"],
        organization=PatternValues(name=values["organization"]),
    )
    slot = PatternValues(
        second=None,
        terms=None,
        title=values["title"],
        minutes=shape["minutes"],
        capacity=shape["capacity"],
        venue_icon=shape["venue_icon"],
        venue_label=values["venue_label"],
    )
    context = values | shape | {"expert": expert, "slot": slot, "summary": values}
    return render_to_string("bookings/_summary.html", context)
