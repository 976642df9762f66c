"""Render the inputs of the booking form without templates: seven in each step, of two or three templates each."""

from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

_INPUTS = frozenset(f"django/forms/widgets/{name}.html" for name in ("checkbox", "email", "hidden", "text"))
_TEXTAREA = "django/forms/widgets/textarea.html"


class InputRenderer(DjangoTemplates):
    """Writes inputs and text areas exactly as Django's templates do, and leaves all else to these."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> SafeString:
        if template_name not in _INPUTS and template_name != _TEXTAREA:
            return SafeString(super().render(template_name, context, request))
        widget = context["widget"]
        name, value, attributes = widget["name"], widget["value"], _attributes(widget["attrs"])
        if template_name == _TEXTAREA:
            return format_html('<textarea name="{}"{}>\n{}</textarea>', name, attributes, value or "")
        shown = "" if value is None else format_html(' value="{}"', value)
        return format_html('<input type="{}" name="{}"{}{}>', widget["type"], name, shown, attributes)


def _attributes(attributes: dict[str, Any]) -> SafeString:
    return format_html_join(
        "",
        "{}{}",
        (
            (format_html(" {}", name), "" if value is True else format_html('="{}"', conditional_escape(value)))
            for name, value in attributes.items()
            if value is not False
        ),
    )
