"""Render the inputs of the booking form without templates: seven in each step, of two or three templates each."""

from html import escape
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.safestring import SafeString

_INPUTS = frozenset(f"django/forms/widgets/{name}.html" for name in ("checkbox", "email", "hidden", "text"))
_TEXTAREA = "django/forms/widgets/textarea.html"


class InputRenderer(DjangoTemplates):
    """Writes inputs and text areas exactly as Django's templates do, and leaves all else to these."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> SafeString:
        if template_name not in _INPUTS and template_name != _TEXTAREA:
            return SafeString(super().render(template_name, context, request))
        widget = context["widget"]
        name, value, attributes = _escaped(widget["name"]), widget["value"], _attributes(widget["attrs"])
        if template_name == _TEXTAREA:
            return SafeString(f'<textarea name="{name}"{attributes}>\n{_escaped(value) if value else ""}</textarea>')
        shown = "" if value is None else f' value="{_escaped(value)}"'
        return SafeString(f'<input type="{_escaped(widget["type"])}" name="{name}"{shown}{attributes}>')


def _attributes(attributes: dict[str, Any]) -> str:
    return "".join(
        f" {_escaped(name)}" if value is True else f' {_escaped(name)}="{_escaped(value)}"'
        for name, value in attributes.items()
        if value is not False
    )


def _escaped(value: Any) -> str:
    """As Django's ``conditional_escape``, without its detour by lazy strings."""
    return str(value.__html__()) if hasattr(value, "__html__") else escape(str(value))
