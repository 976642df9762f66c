"""Lines of a calendar: the same, byte by byte, as a library writes that many others use."""

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Event, vCalAddress, vText

from bookings.icalendar.lines import content_line, parameter, text

# Whatever people type, and what lines and texts are folded and escaped for.
TEXTS = st.text(
    st.one_of(st.sampled_from("\\^;,:\"'\n\rN äßあ👍"), st.characters(codec="utf-8", exclude_characters="\x00")),
    max_size=200,
)


def written(event: Event) -> str:
    lines = event.to_ical().decode()
    assert lines.startswith("BEGIN:VEVENT\r\n")
    return lines.removeprefix("BEGIN:VEVENT\r\n").removesuffix("END:VEVENT\r\n")


@given(TEXTS)
def test_a_text(value):
    event = Event()
    event.add("summary", value)
    assert content_line("SUMMARY", text(value)) == written(event)


@given(TEXTS)
def test_a_person(name):
    event, person = Event(), vCalAddress("mailto:lena@example.com")
    person.params["CN"] = vText("".join(c for c in f"{name}, " if c.isprintable() and c != '"'))
    event.add("attendee", person)
    assert content_line(f"ATTENDEE;CN={parameter(f'{name}, ')}", "mailto:lena@example.com") == written(event)
