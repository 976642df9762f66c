"""Sets of session types that an organisation can start from. Prices are left to it."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class ExampleType:
    """A session type of a set: ``values`` are those of its other fields, by name."""

    name: Promise
    minutes: int
    description: Promise
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ExampleSet:
    """What an organisation of one kind usually offers, in order."""

    slug: str
    name: Promise
    types: tuple[ExampleType, ...]


EXAMPLE_SETS = (
    ExampleSet(
        "clinic",
        _("Clinic"),
        (
            ExampleType(
                _("First visit"),
                40,
                _("For everybody who has not been here before, or comes with something new."),
                {"colour": "petrol"},
            ),
            ExampleType(
                _("Follow-up"),
                20,
                _("How you are since the last visit, and what comes next."),
                {"audience": "returning", "colour": "forest"},
            ),
            ExampleType(
                _("Video consultation"),
                20,
                _("From wherever you are. You get the link with the confirmation."),
                {"venue": "video", "colour": "ocean"},
            ),
        ),
    ),
    ExampleSet(
        "coaching",
        _("Coaching"),
        (
            ExampleType(
                _("Introductory call"),
                20,
                _("To get to know each other, before you decide."),
                {"venue": "phone", "price_words": _("Free"), "colour": "forest"},
            ),
            ExampleType(_("Coaching session"), 60, _("One to one, on what is on your mind."), {"colour": "petrol"}),
            ExampleType(
                _("Intensive"),
                120,
                _("Two hours for one large question, with a break."),
                {"buffer_after": 20, "colour": "ocean"},
            ),
        ),
    ),
    ExampleSet(
        "language-school",
        _("Language school"),
        (
            ExampleType(
                _("Trial lesson"),
                30,
                _("Find out your level, and whether you like it."),
                {"price_words": _("Free"), "colour": "forest"},
            ),
            ExampleType(_("Private lesson"), 60, _("At your pace, with one teacher."), {"colour": "petrol"}),
            ExampleType(
                _("Group class"),
                90,
                _("With a few others of your level."),
                {"is_group": True, "max_party": 2, "colour": "ocean"},
            ),
        ),
    ),
)


def find_example_set(slug: str) -> ExampleSet | None:
    """The set of that name, if there is one."""
    return next((example for example in EXAMPLE_SETS if example.slug == slug), None)
