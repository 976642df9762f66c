from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from experts.admin.fields import LONGEST, SpanField, span_text


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("90 min", 90),
        ("90m", 90),
        ("2 h", 120),
        ("2 hours", 120),
        ("1 hour 30 minutes", 90),
        ("1 d", 1440),
        ("1 day, 2 h", 1560),
        ("1d2h", 1560),
        ("1:30", 90),
        ("26:00:00", 1560),
        (" 45  MINS ", 45),
        ("0", 0),
        ("0 min", 0),
    ],
)
def test_what_people_write(text, minutes):
    assert SpanField().clean(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["soon", "-1 h", "5", "h", "1 week", "1:75", "1 h x", "99999 d", "9" * 40 + " h", "1 month"]
)
def test_what_means_nothing(text):
    with pytest.raises(ValidationError):
        SpanField().clean(text)


def test_nothing_means_nothing_of_ones_own():
    assert SpanField(required=False).clean("") is None


@given(st.integers(min_value=0, max_value=int(LONGEST.total_seconds()) // 60))
def test_what_is_shown_is_read_back(minutes):
    span = timedelta(minutes=minutes)
    assert SpanField().clean(span_text(span)) == span
