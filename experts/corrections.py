"""Search for what was probably meant, where nobody is found by what was typed."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, product

from django.db.models import Func

from experts.models import SearchWord
from experts.search import Typed, typed_words, words_condition
from experts.spelling import FEWEST_LETTERS, closeness

_MOST_MEANT = 3  # words that one typed word may stand for, and searches that are suggested


@dataclass(frozen=True)
class Correction:
    """A search with words replaced: those that stand for each, and what to type instead, the closest first."""

    words: tuple[tuple[tuple[str, ...], ...], ...]
    meant: tuple[str, ...]

    @property
    def condition(self) -> Func:
        return words_condition(self.words)


def correct(text: str) -> Correction | None:
    """Replace typed words that no stored word begins with by those that are closest. None when there are none.

    One query, however many words there are and experts.
    """
    typed = typed_words(text)
    asked = [word.plain for word in typed if len(word.plain) >= FEWEST_LETTERS - 1]
    stored = SearchWord.objects.maybe_close_to(asked) if asked else []
    meant = {word: closest for word in typed if (closest := _closest(word, stored))}
    if not meant:
        return None
    words = tuple(tuple((it,) for it in meant[word]) if word in meant else word.spellings for word in typed)
    written = product(*(meant.get(word, (word.written,)) for word in typed))
    return Correction(words, tuple(" ".join(way) for way in islice(written, _MOST_MEANT)))


def _closest(typed: Typed, stored: Iterable[str]) -> tuple[str, ...]:
    """The closest of the stored words, frequent ones first; none when the typed one is among them."""
    ranked: dict[int, list[str]] = {}
    for word in stored:
        if word.startswith(typed.plain):
            return ()
        rank = closeness(typed.plain, word)
        # A word that begins with another one is found with it.
        if rank is not None and not any(word.startswith(it) for it in ranked.setdefault(rank, [])):
            ranked[rank].append(word)
    return tuple(ranked[min(ranked)][:_MOST_MEANT]) if ranked else ()
