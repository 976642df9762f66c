"""What people may type. Any script and emoji is welcome; characters that nobody can see are not."""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# Overrides and isolates of text direction: they make a text read differently from what it says.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def validate_printable(text: str) -> None:
    """Refuse control characters (NUL too) and direction overrides; line breaks and tabs are fine."""
    if any((unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\r\t") or c in _DIRECTION for c in text):
        raise ValidationError(_("Remove the invisible control characters."), code="control")


def validate_plain_text(text: str) -> None:
    """As ``validate_printable``, and on one line."""
    validate_printable(text)
    if any(c in "\n\r\t\u2028\u2029" for c in text):
        raise ValidationError(_("Write this on one line."), code="line_break")
