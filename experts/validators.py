"""Check names and titles that people type and that are repeated in e-mails."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# Titles and parts of degrees, after which many write no space: "Dr.Li", "Mag.Dr.phil.Weiss".
_TITLES = {
    "dr",
    "prof",
    "mag",
    "dipl",
    "ing",
    "med",
    "phil",
    "rer",
    "habil",
    "univ",
    "st",
    "mr",
    "mrs",
    "ms",
    "sr",
    "jr",
}
# Endings that no surname, given name or title has. Of others there must be more: a path, or small letters.
_ENDINGS = (
    "com|net|org|info|biz|edu|gov|xyz|online|site|website|app|dev|icu|click|club|store|tech|space|support|email|zip|рф"
)
_CERTAIN = re.compile(r"[a-z][a-z0-9+.-]*://|\bwww\d{0,3}\.\S|\bxn--", re.IGNORECASE)
_LIKELY = re.compile(rf"([^\W_][\w-]+)\.(?:(?:{_ENDINGS})\b|[^\W\d_]{{2,24}}(?::\d+)?[/?#]\S)", re.IGNORECASE)
# A country's ending is written small; a name that begins with a dot before it is not ("Anna.Li").
_OF_COUNTRY = re.compile(r"\b([^\W_][\w-]{2,})\.(?!dr\b)[a-z]{2}\b")
_DOTS = str.maketrans({"。": ".", "․": ".", "｡": "."})  # mail programs and browsers take them for one


def validate_no_web_address(text: str) -> None:
    """Refuse what mail programs turn into a link: whoever types a name could send it to others in our mails.

    A dot between words alone is no address: "Dr.Weiss", "St. John", "J.R.R. Tolkien" and "Müller.Schmidt" are names.
    """
    text = unicodedata.normalize("NFKC", text).translate(_DOTS)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")  # zero-width: nobody sees it between letters
    found = [match[1] for pattern in (_LIKELY, _OF_COUNTRY) for match in pattern.finditer(text)]
    if _CERTAIN.search(text) or any(word.lower() not in _TITLES for word in found):
        raise ValidationError(_("Leave out web addresses. After a dot, write a space."), code="web_address")
