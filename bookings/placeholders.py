"""Texts with placeholders such as ``{name}``: checked when they are written, filled in when they are sent.

Names in braces and nothing else: no formats, no attributes, so that a text can say no more than it is given.
"""

import re
from collections.abc import Collection, Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_IN_BRACES = re.compile(r"\{([^{}]*)\}")


def validate_placeholders(text: str, allowed: Collection[str]) -> None:
    """Refuse a text with a placeholder that there is not, which is named, or with a brace that is left alone."""
    unknown = [match[0] for match in _IN_BRACES.finditer(text) if match[1] not in allowed]
    known = ", ".join(f"{{{name}}}" for name in allowed)
    if unknown:
        text = _("There is no placeholder %(unknown)s. These can stand here: %(known)s.")
        words = {"unknown": ", ".join(dict.fromkeys(unknown)), "known": known}
        raise ValidationError(text % words, code="unknown_placeholder")
    if alone := set("{}").intersection(_IN_BRACES.sub("", text)):
        text = _("A %(brace)s stands alone. Braces are for placeholders: %(known)s.")
        raise ValidationError(text % {"brace": min(alone), "known": known}, code="lone_brace")


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """Return the text with the values in the place of their names; what is in no ``values`` stays as it is written.

    At once: a value that looks like a placeholder is a value.
    """
    return _IN_BRACES.sub(lambda match: values.get(match[1], match[0]), text)
