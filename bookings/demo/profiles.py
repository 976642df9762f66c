"""The experts of the demo site as descriptions: sixty from experts.toml, any number more from their parts."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count, islice
from pathlib import Path
from random import Random

from django.utils.text import slugify

from bookings.demo.clients import random_name
from experts.search import fold

_CLOSINGS = [
    "The first visit is mostly listening.",
    "You get a short summary by e-mail afterwards.",
    "Questions in the notes help me to prepare.",
    "If I am not the right person, I tell you who is.",
    "Come as you are; nothing to prepare.",
    "Bring whatever you have, in any order.",
    "We finish on time.",
    "Most questions need one visit, some need three.",
    "I have done this for eleven years and still take notes by hand.",
    "You may bring somebody along.",
    "We start where you are, not where you should be.",
    "Plain words, and one page to take home.",
]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One expert. ``approval``, ``party`` and ``timezone`` override the organisation when they are set."""

    name: str
    organization: str
    category: str
    headline: str
    bio: str
    languages: list[str]
    hours: str
    minutes: int
    slug: str = ""
    venue: str = "in_person"
    address: str = ""
    city: str = ""  # where it is not the organisation's
    timezone: str = ""
    pause: int = 0
    seats: int = 1
    party: int | None = None
    types: Sequence[str] = ()  # what they offer: addresses of session types, the shortest last, ":40" for own minutes
    mornings_for: Sequence[str] = ()  # the types that hours which begin before noon are for; all if empty
    title: str = ""
    approval: bool | None = None
    load: float = 0.45  # share of seats that are taken around today
    booked_up_days: int = 0  # nothing is free before that many days from today
    showcase: bool = False  # works today whatever the weekday, with slots in every state


@cache
def written() -> tuple[Profile, ...]:
    text = (Path(__file__).parent / "experts.toml").read_text(encoding="utf-8")
    return tuple(Profile(**entry) for entry in tomllib.loads(text)["experts"])


def profiles(number: int, seed: str) -> list[Profile]:
    """The first ``number`` experts, each with a slug of its own."""
    taken: set[str] = set()
    return [_with_slug(profile, taken) for profile in islice(_endless(seed), number)]


def _endless(seed: str):
    yield from written()
    for place in count(len(written())):
        yield _made_up(Random(f"{seed} expert {place}"))


def _made_up(random: Random) -> Profile:
    """A colleague of one of the sixty: the same field and kind of hours, another person."""
    base = random.choice(written())
    opening = base.bio.partition(". ")[0]
    title = "Dr " if base.name.startswith("Dr ") else ""
    shares_an_hour = base.seats > 1
    return replace(
        base,
        name=title + random_name(random),
        slug="",
        bio=f"{opening}. {random.choice(_CLOSINGS)}",
        minutes=base.minutes if shares_an_hour else random.choice([base.minutes, 30, 45, 60]),
        load=random.choice([0.25, 0.35, 0.45, 0.55]),
        booked_up_days=random.choice([0] * 9 + [5]),
        showcase=False,
        types=(),
        mornings_for=(),
    )


def _with_slug(profile: Profile, taken: set[str]) -> Profile:
    # Folded first: slugify alone drops letters that do not decompose, such as the dotless i.
    wanted = slug = profile.slug or slugify(fold(profile.name))
    for number in count(2):
        if slug not in taken:
            break
        slug = f"{wanted}-{number}"
    taken.add(slug)
    return replace(profile, slug=slug)
