import pytest
from django.core.exceptions import ValidationError

from bookings.placeholders import fill_placeholders, validate_placeholders

ALLOWED = ("name", "time")


@pytest.mark.parametrize("text", ["", "Hello", "Dear {name},\nsee you {time}. {name}!"])
def test_known_ones_are_fine(text):
    validate_placeholders(text, ALLOWED)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Dear {nmae}", "{nmae}"),
        ("{ name }", "{ name }"),
        ("{name.slot.expert}", "{name.slot.expert}"),
        ("{name!r}", "{name!r}"),
        ("{}", "{}"),
        ("{Name} {time} {other}", "{Name}, {other}"),
    ],
)
def test_an_unknown_one_is_named_with_those_that_there_are(text, named):
    with pytest.raises(ValidationError) as refused:
        validate_placeholders(text, ALLOWED)
    assert refused.value.messages == [f"There is no placeholder {named}. These can stand here: {{name}}, {{time}}."]


@pytest.mark.parametrize(("text", "brace"), [("Dear {name", "{"), ("name}", "}"), ("{{name}}", "{"), (":-}", "}")])
def test_a_brace_that_is_left_alone_is_refused(text, brace):
    with pytest.raises(ValidationError) as refused:
        validate_placeholders(text, ALLOWED)
    assert refused.value.messages == [f"A {brace} stands alone. Braces are for placeholders: {{name}}, {{time}}."]


def test_a_value_that_looks_like_a_placeholder_is_a_value():
    assert fill_placeholders("{name} {time} {old}", {"name": "{time}", "time": "noon"}) == "{time} noon {old}"
