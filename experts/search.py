"""Search without regard to accents and case: what is stored and what is typed are folded to the same plain words."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.search import SearchVectorField
from django.db.models import BooleanField, F, Func, TextField, Value

# Letters that Unicode does not decompose into a base letter and an accent.
_PLAIN = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ŧ": "t", "ħ": "h"}
)
# As people write these letters who do not have them on their keyboard: Müller is Muller to some, Mueller to others.
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
# Words of a sentence that say nothing about whom one looks for: "German speaking physio in London".
_FILLERS = frozenset(
    "a an and at by for from i in me my near of or speak speaker speaking speaks the to who with".split()  # noqa: SIM905  # read as words
)
# For ``folded``, which is ``fold`` in SQL: marks of writings whose letters are there without them, too.
_MARKS = (
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u064b-\u065f\u0670\u3099\u309a]+"
)
_ONE_FOR_ONE = ("ıøØłŁđĐðÐŧŦħĦςÆŒÞẞ", "ioollddddtthhσæœþß")
_TWO_FOR_ONE = (("æ", "ae"), ("œ", "oe"), ("þ", "th"), ("ß", "ss"))
MOST_WORDS = 8  # a search is a few words; more would only make the query slow
LONGEST_WORD = 64


def fold(text: str) -> str:
    """Return lower-case words without accents: ``Dr İnci-Müller`` -> ``dr inci muller``."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).translate(_PLAIN)
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split())


def spellings(part: str) -> Iterator[tuple[str, ...]]:
    """The ways to write what stands between two spaces, each as folded words, the usual one first.

    ``Jörg-Uwe`` -> (jorg, uwe), (joerg, uwe), (jorguwe), (joerguwe)
    """
    spelt_out = unicodedata.normalize("NFKC", part).casefold().translate(_SPELT_OUT)
    folded = (tuple(word[:LONGEST_WORD] for word in fold(way).split()) for way in (part, spelt_out))
    ways = dict.fromkeys(way for way in folded if way)
    yield from ways
    yield from (("".join(way)[:LONGEST_WORD],) for way in ways if len(way) > 1)


def searchable(text: str) -> str:
    """Return the words under which a text is found: ``Mei-Ling Müller`` -> ``mei ling meiling muller mueller``."""
    return " ".join(dict.fromkeys(word for part in text.split() for way in spellings(part) for word in way))


@dataclass(frozen=True)
class Typed:
    """A word of a search: as it was ``written``, ``plain`` (folded, in one), and all its spellings."""

    written: str
    spellings: tuple[tuple[str, ...], ...]

    @property
    def plain(self) -> str:
        return "".join(self.spellings[0])


def typed_words(text: str) -> list[Typed]:
    """Return the words that are searched for. Words that only join others are left out where there are others."""
    typed = [Typed(part, ways) for part in text.split() if (ways := tuple(spellings(part)))]
    return ([word for word in typed if word.plain not in _FILLERS] or typed)[:MOST_WORDS]


def folded(text: "Func[Any] | F") -> Func:
    """Return an expression of SQL for the words of a text as ``fold`` has them, but for the case of their letters.

    PostgreSQL lowers that itself when it makes words. It can be indexed: nothing in it depends on settings.
    """
    return _without_marks(_decomposed(text))


def folded_spelt_out(text: "Func[Any] | F") -> Func:
    """Return as ``folded`` what is typed by whoever has no umlauts: ``Müller`` -> ``Mueller``."""
    plain: Func[Any] = _decomposed(text)
    for letter, spelt in (("ø", "oe"), ("Ø", "Oe")):
        plain = _text("replace", plain, letter, spelt)
    for letters, ending in (("([AOUaou])\u0308", r"\1e"), ("([Aa])\u030a", r"\1a")):
        plain = _text("regexp_replace", plain, letters, ending, "g")
    return _without_marks(plain)


def _decomposed(text: "Func[Any] | F") -> Func:
    return Func(text, template="normalize(%(expressions)s, NFKD)", output_field=TextField())


def _without_marks(decomposed: "Func[Any]") -> Func:
    plain = _text("translate", _text("regexp_replace", decomposed, _MARKS, "", "g"), *_ONE_FOR_ONE)
    for letter, spelt in _TWO_FOR_ONE:
        plain = _text("replace", plain, letter, spelt)
    return plain


def _text(function: str, text: "Func[Any]", *values: str) -> Func:
    return Func(text, *map(Value, values), function=function, output_field=TextField())


def search_vector(field: str = "search_text") -> Func:
    """Return the words of a field as a tsvector. They are folded already, so PostgreSQL need not parse them."""
    words = Func(F(field), Value(" "), function="string_to_array")
    return Func(words, function="array_to_tsvector", output_field=SearchVectorField())


def condition(terms: str, field: str = "search_text") -> Func:
    """Return the condition that the words of a field match a query as PostgreSQL writes it."""
    query = Func(Value(terms), template="(%(expressions)s)::tsquery", output_field=SearchVectorField())
    return Func(
        search_vector(field), query, template="(%(expressions)s)", arg_joiner=" @@ ", output_field=BooleanField()
    )


def words_condition(words: Sequence[Sequence[tuple[str, ...]]]) -> Func:
    """Return the condition that each word is there in one of its spellings, as beginnings of stored words."""
    return condition(words_query(words))


def words_query(words: Sequence[Sequence[tuple[str, ...]]]) -> str:
    """Return, as PostgreSQL writes it, the query of ``words_condition``."""

    def begins_with(spelling: tuple[str, ...]) -> str:
        return " & ".join(f"'{part}':*" for part in spelling)  # folded words hold no quote

    return " & ".join(f"({' | '.join(f'({begins_with(way)})' for way in ways)})" for ways in words)


def search_condition(text: str) -> Func | None:
    """Return the condition that for every typed word a stored word begins with it; None when nothing was typed."""
    typed = typed_words(text)
    return words_condition([word.spellings for word in typed]) if typed else None
