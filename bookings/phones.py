"""Read phone numbers as people type them, and write them as people read them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files

import phonenumbers
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

# The codes of all countries. PostgreSQL reads it, too, and takes the longest that fits: here no code begins another.
COUNTRY_CODE = (
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[03578]|9[679])\d)"
)
_RUSSIAN_DIGITS = 11  # of a whole number, with the 8 that leads into the country
_FEWEST_TO_FIND = 4
_LIKE_A_NUMBER = re.compile(r"\+?[\d\s()./‑–-]+")
_FEWEST_DIGITS = 7  # of a national number that the library does not know; those that it knows may be shorter


def read_phone(text: str, zones: Sequence[str]) -> str:
    """Return a typed number as it is stored: E.164 (``+442079460958``), with ``;ext=12`` after it for an extension.

    A national number belongs to the first of the countries of ``zones`` (time zones) in which it exists, else to the
    first in which it can exist. "" stays. Raises ValidationError for what can be no number of any of them.
    """
    text = text.strip()
    if not text:
        return ""
    numbers = list(_parse(text, [None] if text.startswith("+") else map(_country, zones)))
    for is_right in (phonenumbers.is_valid_number, _can_exist):
        for number in numbers:
            if is_right(number):
                stored = phonenumbers.format_number(number, PhoneNumberFormat.E164)
                return f"{stored};ext={number.extension}" if number.extension else stored
    raise ValidationError(_("Enter a phone number like %(example)s."), params={"example": example_phone(zones)})


def digits_to_find(text: str) -> str:
    """Return the digits by which the end of a typed number is looked for: ``7700900412`` of ``07700 900 412``.

    A whole number without the zeros, or the Russian 8, that lead into its own country or another one. "" where that is
    no number, or fewer than four digits, with which too many would end.
    """
    text = text.strip().replace("(0)", "")
    if not _LIKE_A_NUMBER.fullmatch(text):
        return ""
    digits = _digits(text)
    if len(digits) >= _FEWEST_DIGITS:
        digits = digits.lstrip("0")
    if len(digits) == _RUSSIAN_DIGITS:
        digits = digits.removeprefix("8")
    return digits if len(digits) >= _FEWEST_TO_FIND else ""


def digits_at_home(text: str) -> str:
    """Return the digits by which the beginning of a typed number is looked for: ``7700900`` of ``+44 7700 900``.

    Without the code of the country, where that is said, and without a zero before the rest. As ``digits_to_find``.
    """
    text = text.strip().replace("(0)", "")
    if not _LIKE_A_NUMBER.fullmatch(text):
        return ""
    digits = _digits(text)
    if text.startswith("+") or digits.startswith("00"):
        digits = re.sub(f"^{COUNTRY_CODE}", "", digits.lstrip("0"))
    digits = digits.lstrip("0")
    return digits if len(digits) >= _FEWEST_TO_FIND else ""


def show_phone(stored: str) -> str:
    """Return a stored number as people read it (``+44 20 7946 0958``); what is none, of staff, as it is."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(stored), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return stored


def _digits(text: str) -> str:
    return "".join(str(int(letter)) for letter in text if letter.isdecimal())


def example_phone(zones: Sequence[str]) -> str:
    """Return a number of the country of the first zone that has one, as people read it."""
    examples = (phonenumbers.example_number(country) for zone in zones if (country := _country(zone)))
    number = next(filter(None, examples), None) or phonenumbers.parse("+442079460958")
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def _parse(text: str, countries: Iterable[str | None]) -> Iterator[PhoneNumber]:
    for country in countries:
        try:
            yield phonenumbers.parse(text, country)
        except NumberParseException:
            continue


def _can_exist(number: PhoneNumber) -> bool:
    """Whether it has the length of a number of its country.

    What the library says of single numbers is as old as its version: a real one must not be refused.
    """
    digits = str(number.national_number)
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return possible and len(digits) >= _FEWEST_DIGITS and len(set(digits)) > 1


def _country(zone: str) -> str | None:
    """Return the country of a time zone (``DE`` of Europe/Berlin); None for UTC and what nobody knows."""
    return _countries().get(zone)


@cache
def _countries() -> dict[str, str]:
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return {zone: country for country, _place, zone, *_comment in rows}
