"""Tell whether two words differ by one typing error, or only by how the same sound is written.

Words that may be close are found by an index: of each word it knows the word without one of its letters, for each of
its letters, and two words that are one error apart have one of these in common (the "symmetric deletion" of SymSpell).
"""

import re

FEWEST_LETTERS = 4  # of a word in which an error is forgiven: shorter ones are too close to each other
_FEWEST_SOUNDS = 3  # of a word that is compared by its sound: many words begin with the same one or two
_BEGINNING = 6  # letters of what may be the beginning of a longer word, with an error in it
_LONGEST = 32  # letters of a word that is kept to be compared with

# The same sound, written in several ways: fysio, physio. In this order.
_SOUNDS = [
    (re.compile(pattern), sound)
    for pattern, sound in [
        ("ph", "f"),
        ("th", "t"),
        ("ck|[cq]", "k"),
        ("ae", "a"),
        ("oe", "o"),
        ("ue", "u"),
        ("z", "s"),
        ("[yj]", "i"),
        ("w", "v"),
        (r"(.)\1+", r"\1"),
    ]
]


def sound(word: str) -> str:
    """Return a folded word as it sounds, about: ``physio`` -> ``fisio``."""
    for pattern, written in _SOUNDS:
        word = pattern.sub(written, word)
    return word


def _ways(word: str) -> set[str]:
    """The word as it is written, and as it sounds."""
    return {way for way in (word, sound(word)) if way == word or len(way) >= _FEWEST_SOUNDS}


def is_word(word: str) -> bool:
    """Whether a folded word is one that typed words are compared with."""
    return word.isalpha() and 3 <= len(word) <= _LONGEST


def _without_a_letter(word: str) -> set[str]:
    return {word[:n] + word[n + 1 :] for n in range(len(word))} if len(word) >= FEWEST_LETTERS else set()


def keys(word: str) -> str:
    """Return by what a folded word is found, as words."""
    return " ".join(sorted({key for way in _ways(word) for key in (way, *_without_a_letter(way))}))


def terms(word: str) -> str:
    """Return a query, as PostgreSQL writes it, that finds the ``keys`` of all words that ``closeness`` accepts."""
    found = set()
    for way in _ways(word):
        found.add(f"'{way}':*")
        found |= {f"'{key}'" + ":*" * (len(way) >= _BEGINNING) for key in _without_a_letter(way)}
    return " | ".join(sorted(found))


def closeness(typed: str, word: str) -> int | None:
    """Return how close a stored word is to a typed one, both folded: less is closer, None is not close.

    0 sounds the same; 1 begins with the same sound; 2 is one error away; 3 begins with what is one error away. An error
    is a letter too many, too few, another one, or two that changed places.
    """
    ways = [(typed, word)]
    if len(heard := sound(typed)) >= _FEWEST_SOUNDS:
        ways.append((heard, sound(word)))
    if any(mine == its for mine, its in ways):
        return 0
    if any(its.startswith(mine) for mine, its in ways):
        return 1
    ways = [(mine, its) for mine, its in ways if len(mine) >= FEWEST_LETTERS]
    if any(_is_one_error(mine, its) for mine, its in ways):
        return 2
    if any(
        _is_one_error(mine, its[: len(mine) + more])
        for mine, its in ways
        if len(mine) >= _BEGINNING
        for more in (-1, 0, 1)
    ):
        return 3
    return None


def _is_one_error(one: str, other: str) -> bool:
    n = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    one, other = one[n:], other[n:]
    return (
        one[1:] == other  # one too many
        or one == other[1:]  # one too few
        or one[1:] == other[1:]  # another one
        or (one[:2] == other[1::-1] and one[2:] == other[2:])  # changed places
    )
