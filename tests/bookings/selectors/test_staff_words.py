"""What staff type about a time, word by word. The day is Tuesday 10 March 2026."""

from datetime import date, time, timedelta

import pytest
from django.utils import translation

from bookings.selectors.staff_words import Known, Language, read_wish

TODAY = date(2026, 3, 10)
HERRERA, OKAFOR, SORBY, MO = 1, 2, 3, 4
EXPERTS = [
    Known(HERRERA, "Dr Tomás Herrera", "Dermatologist Health"),
    Known(OKAFOR, "Dr Amara Okafor", "General practitioner Health"),
    Known(SORBY, "Dr Lena Sørby", "GP and travel medicine Health"),
    Known(MO, "Mo Farah", "Running coach Sport"),
]
SKIN, FIRST, FOLLOW = 11, 12, 13
TYPES = [Known(SKIN, "Skin check"), Known(FIRST, "First visit"), Known(FOLLOW, "Follow-up")]
AM, PM, AFTERNOON = range(12), range(12, 24), range(12, 17)


def read(text: str):
    return read_wish(text, TODAY, EXPERTS, TYPES)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ("herrera thu pm", {"experts": {HERRERA}, "day": date(2026, 3, 12), "hours": PM}),
        ("HERRERA Thursday PM", {"experts": {HERRERA}, "day": date(2026, 3, 12), "hours": PM}),
        ("pm thu herr", {"experts": {HERRERA}, "day": date(2026, 3, 12), "hours": PM}),
        ("dr tomas herrera", {"experts": {HERRERA}}),
        ("herrera okafor", {"experts": {HERRERA, OKAFOR}}),
        ("sorby", {"experts": {SORBY}}),
        ("next gp", {"experts": {OKAFOR, SORBY}, "is_next": True}),
        ("first free today", {"is_next": True, "day": TODAY}),
        ("first visit", {"types": {FIRST}}),
        ("first visit okafor", {"types": {FIRST}, "experts": {OKAFOR}}),
        ("next first visit", {"types": {FIRST}, "is_next": True}),
        ("skin", {"types": {SKIN}}),
        ("follow-up tomorrow morning", {"types": {FOLLOW}, "day": TODAY + timedelta(days=1), "hours": range(5, 12)}),
        ("health am", {"experts": {HERRERA, OKAFOR, SORBY}, "hours": AM}),
        ("tue", {"day": TODAY}),
        ("mon", {"day": date(2026, 3, 16)}),
        ("th", {"day": date(2026, 3, 12)}),
        ("mo", {"experts": {MO}}),
        ("2026-04-01", {"day": date(2026, 4, 1)}),
        ("12 march", {"day": date(2026, 3, 12)}),
        ("march 12", {"day": date(2026, 3, 12)}),
        ("9 mar", {"day": date(2027, 3, 9)}),
        ("9th", {"day": date(2026, 4, 9)}),
        ("on 31st", {"day": date(2026, 3, 31)}),
        ("okafor 9:30", {"experts": {OKAFOR}, "at": time(9, 30)}),
        ("okafor at 2pm", {"experts": {OKAFOR}, "at": time(14)}),
        ("12am", {"at": time(0)}),
        ("afternoon", {"hours": AFTERNOON}),
        ("herrera qwertz", {"experts": {HERRERA}, "unknown": ["qwertz"]}),
        ("25:00", {"unknown": ["25:00"]}),
        ("2026-02-30 31 february", {"unknown": ["2026-02-30", "31", "february"]}),
        ("0001-01-01 9999-12-31", {"unknown": ["0001-01-01", "9999-12-31"]}),
        ("7", {"unknown": ["7"]}),
        ("' % \\ <b>", {"unknown": ["<b>"]}),
    ],
)
def test_words(text, wanted):
    wish = read(text)
    nothing = {"experts": None, "types": None, "day": None, "hours": None, "at": None, "is_next": False, "unknown": []}
    assert {name: getattr(wish, name) for name in nothing} == nothing | wanted


def test_what_was_understood_is_told_and_can_be_taken_back():
    wish = read("herrera thu pm")
    assert [(chip.kind, chip.label, chip.without) for chip in wish.chips] == [
        ("expert", "Dr Tomás Herrera", "thu pm"),
        ("day", "Thu 12 March", "herrera pm"),
        ("time", "From 12:00", "herrera thu"),
    ]
    assert [chip.label for chip in read("gp tomorrow 9.15").chips] == ["gp: 2 experts", "Tomorrow", "From 09:15"]


def test_a_start_has_to_be_within_all_that_was_said():
    wish = read("afternoon 14:00")
    assert [at for at in (time(11), time(13, 59), time(14), time(16, 59), time(17)) if wish.allows(at)] == [
        time(14),
        time(16, 59),
    ]


def test_days_and_months_are_called_as_in_the_language_of_the_page():
    with translation.override("de"):
        words = Language()
        assert [words.weekday("donnerstag"), words.weekday("do"), words.month("marz"), words.month("mai")] == [
            3,
            3,
            3,
            5,
        ]
