"""Search without regard to accents and case: what is stored and what is typed are folded to the same plain words."""

import unicodedata

from django.contrib.postgres.search import SearchVectorField
from django.db.models import BooleanField, F, Func, Value

# Letters that Unicode does not decompose into a base letter and an accent.
_PLAIN = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ŧ": "t", "ħ": "h"}
)
_MOST_WORDS = 8  # a search is a few words; more would only make the query slow
_LONGEST_WORD = 64


def fold(text: str) -> str:
    """Return lower-case words without accents: ``Dr İnci-Müller`` -> ``dr inci muller``."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).translate(_PLAIN)
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split())


def search_vector() -> Func:
    """Return the words of ``search_text`` as a tsvector. They are folded already, so PostgreSQL need not parse them."""
    words = Func(F("search_text"), Value(" "), function="string_to_array")
    return Func(words, function="array_to_tsvector", output_field=SearchVectorField())


def search_condition(text: str) -> Func | None:
    """Return the condition that for every typed word a stored word begins with it; None when nothing was typed."""
    words = fold(text).split()[:_MOST_WORDS]
    if not words:
        return None
    terms = " & ".join(f"'{word[:_LONGEST_WORD]}':*" for word in words)  # folded words hold no quote
    query = Func(Value(terms), template="(%(expressions)s)::tsquery", output_field=SearchVectorField())
    return Func(search_vector(), query, template="(%(expressions)s)", arg_joiner=" @@ ", output_field=BooleanField())
