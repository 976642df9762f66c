"""What templates need beyond Django's own tags. Loaded in every template (``builtins`` in settings)."""

from dataclasses import fields
from functools import lru_cache, partial
from types import SimpleNamespace
from urllib.parse import urlencode

from django import template
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext, pgettext

from experts import formatting, page_cache
from experts.ordering import MOST_LISTED
from experts.patterns import Patterns
from experts.web_addresses import split_addresses

register = template.Library()

MOST_PIPS = 8  # above that, dots are slower to read than a number


@register.simple_tag
@lru_cache(maxsize=500)  # most pages show dozens, of a few names
def icon(name, size=""):
    """An icon of the sprite (static/icons.svg), as decoration: the words beside it carry the meaning."""
    css = f"icon icon-{size}" if size else "icon"
    return format_html(
        '<svg class="{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        css,
        static("icons.svg"),
        name,
    )


@register.simple_tag
def pips(slot):
    """The seats of a small group slot as dots, free ones filled. They say no more than the words beside them."""
    if slot.capacity > MOST_PIPS:
        return icon("users", "sm")
    free = slot.seats_left
    dots = format_html_join(
        "", '<span class="pip{}"></span>', ((" is-free" if seat < free else "",) for seat in range(slot.capacity))
    )
    return format_html('<span class="pips" aria-hidden="true">{}</span>', dots)


@register.simple_tag
def slot_state(slot, state):
    """The patched part of a tile (experts/_slot_state.html). It is the same for all viewers, so it is rendered once."""
    values = {"pk": str(slot.pk), "version": str(slot.version)}
    about = slot.capacity, slot.seats_left, state
    return _states.fill(about, values, partial(_render_state, *about))


def _render_state(capacity, seats_left, state, values):
    shown = SimpleNamespace(**values, capacity=capacity, seats_left=seats_left)
    return render_to_string("experts/_slot_state.html", {"slot": shown, "state": state})


_states = Patterns(1000)


@register.simple_tag(takes_context=True)
def own(context, name):
    """What is the viewer's own on each page, by its name in experts/page_cache.py. A hole in a page that is kept."""
    return page_cache.hole(name) if context.get("is_shared") else page_cache.OWN[name](context.get("request"))


@register.simple_tag(takes_context=True)
def discover_url(context, **changes):
    """The address of the list of experts with some filters changed: ``{% discover_url category="law" %}``.

    Empty values are left out, and so is the page unless it is given: another filter starts at the first page.
    """
    if changes.get("page") == 1:
        changes["page"] = ""
    if context.get("organization"):  # it is in the path already
        changes["organization"] = ""
    kept = context["query"].parameters(**changes) + list(context.get("frame_query", {}).items())
    base = context.get("base_url") or context["request"].path
    return f"{base}?{urlencode(kept)}" if kept else base


@register.simple_tag(takes_context=True)
def toggle_url(context, name, value):
    """The address of the list of experts with a value of a filter chosen, or no longer if it was."""
    return discover_url(context, **{name: getattr(context["query"].toggled(name, value), name)})


@register.simple_tag(takes_context=True)
def meant_links(context, texts):
    """Links to the list of experts for other words, as a list in a sentence."""
    # Each a page of its own, as the words in the search field change, too.
    link = '<a class="link" href="{}">{}</a>'
    return format_html_join(", ", link, ((discover_url(context, search=text), text) for text in texts))


@register.simple_tag(takes_context=True)
def way_url(context, query):
    """The address of the list of experts for another query."""
    return discover_url(context, **{field.name: getattr(query, field.name) for field in fields(query)})


@register.simple_tag(takes_context=True)
def frame_url(context, name, *slugs, **changes):
    """The address of a page within the same frame on another site (experts/embedding.py)."""
    query = {key: value for key, value in (context["frame_query"] | changes).items() if value}
    return reverse(name, args=slugs) + (f"?{urlencode(query)}" if query else "")


@register.simple_tag
def zone_options(preferences):
    """All time zones as <option>s, the chosen one selected. The list is made once: it has some 500 entries."""
    if "all" not in _zone_options:
        _zone_options["all"] = format_html_join(
            "",
            '<optgroup label="{}">{}</optgroup>',
            (
                (region, format_html_join("", '<option value="{}">{}</option>', zones))
                for region, zones in preferences.zones
            ),
        )
    options = _zone_options["all"]
    if preferences.zone:
        chosen = format_html('<option value="{}"', preferences.zone.key)
        options = mark_safe(options.replace(chosen, f"{chosen} selected"))
    return options


_zone_options: dict[str, str] = {}


@register.simple_tag
def widget(field, css="input", **attrs):
    """A form field's control, tied to its error or help text and marked when it is wrong."""
    attrs = {name.replace("_", "-"): value for name, value in attrs.items()}
    attrs["class"] = css
    if field.errors:
        attrs["aria-invalid"] = "true"
        attrs["aria-describedby"] = f"{field.auto_id}-error"
    elif field.help_text:
        attrs["aria-describedby"] = f"{field.auto_id}-help"
    return field.as_widget(attrs=attrs)


@register.filter
def count_label(number, is_least=None):
    """A number of experts that was not counted to its end: 1001 -> "1,000+". ``is_least``: whether there are more."""
    if is_least is None:
        number, is_least = min(number, MOST_LISTED), number > MOST_LISTED
    return formatting.count_label(number, is_least)


@register.filter(expects_localtime=True)
def zoned(instant, pattern):
    """An instant by the clock that the page or mail goes by, which is named: ``Wed 11 March, 14:30 London time``."""
    return formatting.by_clock_of(get_current_timezone(), date_format(instant, pattern))


@register.filter
def until(instant, clocks):
    """A deadline that is near: ``16:04 London time (17:04 for you in Berlin)``."""
    return formatting.deadline(instant, clocks, formatting.clock(instant, clocks.leading))


@register.filter
def until_day(instant, clocks):
    """A deadline with its day: ``Wednesday 11 March, 16:04 London time (17:04 for you in Berlin)``."""
    when = date_format(instant.astimezone(clocks.leading), "FULL_DAY_TIME_FORMAT")
    return formatting.deadline(instant, clocks, when)


@register.simple_tag
def zone_name():
    """The clock that the page or mail goes by: ``London time``."""
    return formatting.zone_name(get_current_timezone())


@register.filter
def link_addresses(text):
    """A text of staff with its web addresses as links: http and https alone."""
    link = '<a class="link" href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>'
    parts = enumerate(split_addresses(str(text)))
    return format_html_join("", "{}", ((format_html(link, part) if n % 2 else part,) for n, part in parts))


@register.simple_tag
def hour_cycle():
    """How scripts write the hours (experts/formatting.py)."""
    return formatting.hour_cycle()


@register.filter
def number_word(number):
    """Small numbers as words: 4 -> "four". Others as ``count_label``."""
    words = (
        pgettext("number", "no"),
        gettext("one"),
        gettext("two"),
        gettext("three"),
        gettext("four"),
        gettext("five"),
        gettext("six"),
        gettext("seven"),
        gettext("eight"),
        gettext("nine"),
    )
    return words[number] if isinstance(number, int) and 0 <= number < len(words) else count_label(number)
