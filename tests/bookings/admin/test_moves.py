"""Moving a booking from the day: to whom it can go, who may move it, and what is said about it."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from bookings import services
from bookings.access import links
from bookings.mail import outbox
from bookings.models import Booking, OutboxMail, Status
from experts.formatting import soon
from experts.models import Role, Slot
from tests.cast import book, day_ahead, fresh, make_booking, make_expert, make_organization, make_slot
from tests.cast import make_session_type as make_type_of
from tests.staff import logged_in, make_member, make_superuser

pytestmark = pytest.mark.django_db
URL = "/admin/day/moves/"


class Desk:
    """Two experts of a clinic with a free time each, one booking, and somebody at the desk."""

    def __init__(self):
        self.clinic = make_organization(name="Northgate Clinic")
        self.amara = make_expert(organization=self.clinic, name="Amara Okafor")
        self.nora = make_expert(organization=self.clinic, name="Nora Byrne")
        self.booking = book(make_slot(self.amara, at="10:00"), name="Maya Halloran")
        self.same = make_slot(self.amara, at="11:00")
        self.other = make_slot(self.nora, at="11:30")
        self.staff = logged_in(make_member(self.clinic, Role.SCHEDULER))

    def get(self, client=None, **values):
        return (client or self.staff).get(URL, {"booking": self.booking.pk} | values)

    def move(self, slot, client=None, **values):
        data = {"booking": self.booking.pk, "slot": slot.pk, "sequence": self.booking.sequence, "part": 1} | values
        return (client or self.staff).post(URL, data)

    def now(self):
        return Booking.objects.get(pk=self.booking.pk)


@pytest.fixture
def desk():
    return Desk()


def tiles(answer):
    return re.findall(r'slot=(\d+)"', answer.text)


def mails():
    return sorted(OutboxMail.objects.values_list("kind", flat=True))


def test_a_page_of_tiles_opens_on_the_day_of_the_booking_and_has_all_experts(desk):
    page = desk.get()
    assert page.status_code == 200
    assert tiles(page) == [str(desk.same.pk), str(desk.other.pk)]
    assert "Nora Byrne" in page.text
    assert "10:00" in page.text
    later = desk.get(day=day_ahead(5))
    assert tiles(later) == []
    assert "No time is free" in later.text


def test_a_tile_asks_what_changes_and_a_click_moves_it(desk):
    question = desk.get(slot=desk.other.pk)
    for text in ("Move Maya Halloran?", "10:00", "11:30", "Amara Okafor", "Nora Byrne", "Tell Maya by e-mail"):
        assert text in question.text
    before = mails()
    answer = desk.move(desk.other, tell="on", part=[])
    assert answer.status_code == 302
    where = {"organization": desk.clinic.pk, "day": day_ahead(), "booking": desk.booking.pk}
    assert answer["Location"] == reverse("admin:day", query=where)
    assert desk.now().slot_id == desk.other.pk
    assert sorted(mails()) == sorted([*before, "rescheduled", "staff_moved"])
    assert "Move it back" in desk.staff.get(answer["Location"]).text


def test_the_question_shows_the_mail_and_gives_nobody_its_links(desk, mailoutbox):
    desk.clinic.mail_footer = "Northgate Clinic, 4 Harbour Street"
    desk.clinic.save()
    before = mails()
    page = desk.get(slot=desk.other.pk)
    mail = page.context["mail"]
    assert "Moved:" in mail["subject"] and "Nora Byrne" in mail["subject"]
    for text in ("Hello Maya Halloran", "11:30", "Before:", "10:00", desk.booking.reference, "4 Harbour Street"):
        assert text in mail["text"], text
    assert "Northgate Clinic writes:" not in mail["text"]
    assert mail["before"].endswith("Northgate Clinic writes:\n") and "11:30" in mail["after"]
    assert mail["text"].count("/…") == 2, "the links are there, and lead nowhere"
    for token in (links.booking_token(desk.booking), links.not_me_url(desk.booking)):
        assert token.partition(".")[2].rstrip("/") not in page.text
    assert "SAMP" not in page.text
    assert desk.move(desk.other, tell="on").status_code == 200
    assert mails() == sorted([*before, "rescheduled", "staff_moved"]), "nothing was sent before"
    OutboxMail.objects.exclude(kind="rescheduled").delete()
    outbox.send_due()
    [sent] = mailoutbox
    assert sent.subject == mail["subject"]
    assert re.sub(r"(?<=/)[^/\s]+\.[\w-]{20,}", "…", sent.body) == mail["text"]


def test_a_move_goes_on_from_day_to_day(desk):
    day = reverse("admin:day")
    page = desk.staff.get(day, {"moving": desk.booking.pk, "day": day_ahead(5), "view": "day"})
    assert page.context["moving"]["name"] == "Maya Halloran"
    for url in (page.context["earlier_url"], page.context["later_url"], page.context["today_url"]):
        assert f"moving={desk.booking.pk}" in url
    assert f'name="moving" value="{desk.booking.pk}"' in page.text
    assert f"{URL}?booking={desk.booking.pk}&amp;day={day_ahead(5)}" in page.text
    part = desk.get(part=1, day=day_ahead(5))
    assert f"day={day_ahead(6)}&amp;view=day&amp;moving={desk.booking.pk}" in part.text
    assert f"day={day_ahead(4)}&amp;view=day&amp;moving={desk.booking.pk}" in part.text
    assert soon(desk.booking.slot.starts_at, desk.amara.zone, timezone.now()) in part.text
    assert "The day before" not in desk.get(part=1, day=day_ahead(0)).text


def test_nobody_has_in_hand_what_they_may_not_move(desk):
    day = reverse("admin:day")
    elsewhere = make_booking(make_slot())
    over = make_booking(make_slot(desk.nora, at="15:00"), status=Status.CANCELLED)
    for moving in ("x", "0", elsewhere.pk, over.pk):
        page = desk.staff.get(day, {"moving": moving})
        assert page.status_code == 200 and not page.context["moving"]
        assert "moving=" not in page.context["later_url"]
    root = logged_in(make_superuser())
    assert not root.get(day, {"moving": elsewhere.pk, "organization": desk.clinic.pk}).context["moving"]
    user = make_member(desk.clinic, Role.EXPERT)
    desk.nora.user = user
    desk.nora.save()
    assert not logged_in(user).get(day, {"moving": desk.booking.pk}).context["moving"]


def test_each_of_a_class_can_be_moved(desk):
    slot = make_slot(desk.amara, at="13:00", capacity=3)
    one = book(slot, name="Ines Carvalho")
    book(slot, name="Petra Vogel")
    page = desk.staff.get(reverse("admin:day"), {"day": day_ahead(), "slot": slot.pk})
    assert next(it["move_url"] for it in page.context["class"]["people"]) == f"{URL}?booking={one.pk}"
    assert f'data-move="{one.pk}"' in page.text


def test_without_the_tick_nobody_is_written_to_but_staff(desk):
    before = mails()
    assert desk.move(desk.same).status_code == 200
    assert sorted(mails()) == sorted([*before, "staff_moved"])


def test_undo_moves_it_back_while_its_time_is_free(desk):
    old = desk.now().slot_id
    answer = desk.move(desk.other)
    assert "Moved: Maya Halloran is now at" in answer.text
    assert f'name="slot" value="{old}"' in answer.text
    undo = desk.move(Slot.objects.get(pk=old), sequence=desk.now().sequence, undo="on")
    assert "is back at" in undo.text
    assert "Undo" not in undo.text
    assert desk.now().slot_id == old


def test_undo_is_not_offered_where_somebody_waited_for_the_time(desk):
    slot = fresh(Slot.objects.get(pk=desk.booking.slot_id))
    entry = services.join_waitlist(slot_id=slot.pk, name="Lena", email="waits@example.com")
    services.take_place(entry_id=entry.pk)
    answer = desk.move(desk.other)
    assert answer.status_code == 200
    assert "Undo" not in answer.text


def test_a_time_that_went_meanwhile_leaves_the_booking_where_it_is(desk):
    book(desk.other)
    at = desk.booking.slot_id
    for answer in (desk.move(desk.other), desk.get(slot=desk.other.pk, part=1)):
        assert answer.status_code == 409
        assert "was just taken" in answer.text
    page = desk.move(desk.other, part=[])
    assert (page.status_code, tiles(page)) == (409, [str(desk.same.pk)])
    assert desk.now().slot_id == at


def test_only_times_that_are_open_to_all_of_a_party_are_tiles(desk):
    make_slot(desk.amara, at="12:00", is_closed=True)
    make_slot(at="13:00")
    party = make_booking(make_slot(desk.amara, at="14:00", capacity=3), seats=3)
    two = make_slot(desk.amara, at="15:00", capacity=2)
    room = make_slot(desk.amara, at="16:00", capacity=4)
    assert sorted(tiles(desk.get())) == sorted(str(slot.pk) for slot in (desk.same, desk.other, two, room))
    assert tiles(desk.get(booking=party.pk)) == [str(room.pk)]


def test_a_message_about_one_move_is_not_read_after_the_next_and_is_shown_again_when_refused(desk):
    desk.move(desk.same, tell="on", reason=" Dr Okafor comes later. ")
    assert desk.now().reason == "Dr Okafor comes later."
    services.reschedule(booking_id=desk.booking.pk, slot_id=make_slot(desk.amara, at="18:00").pk, by_customer=True)
    assert desk.now().reason == ""
    answer = desk.move(make_slot(desk.amara, at="17:00"), part=[], reason="Later, please")
    assert answer.status_code == 409
    assert "Later, please" in answer.text, "nothing typed is lost"


def test_a_double_click_moves_once_and_says_nothing_of_it(desk):
    for _ in range(2):
        assert desk.move(desk.same, part=[]).status_code == 302
    assert desk.now().slot_id == desk.same.pk
    assert len(mails()) == len(set(mails()))


@pytest.mark.parametrize("day", ["nonsense", "0001-01-01", "9999-12-31", ""])
def test_a_day_that_cannot_be_shown_is_no_error(desk, day):
    assert desk.get(day=day).status_code == 200


def test_a_question_about_what_was_moved_since_moves_nothing(desk):
    sequence = desk.booking.sequence
    desk.move(desk.same)
    answer = desk.move(desk.other, sequence=sequence)
    assert answer.status_code == 409
    assert desk.now().slot_id == desk.same.pk


def test_spots_say_their_place_and_why_others_are_none(desk):
    session_type = make_type_of(desk.clinic, desk.amara, minutes=30)
    booking = book(make_slot(desk.amara, at="14:00"), name="Typed", session_type=session_type.pk)
    part = desk.staff.get(URL, {"booking": booking.pk, "part": 1, "experts": [desk.amara.pk, desk.nora.pk]})
    assert "11:00, Amara Okafor, free. 1 of 1." in part.text
    assert "Not this type" in part.text
    assert "<html" not in part.text
    only = desk.get(part=1, experts=[desk.amara.pk])
    assert "Nora Byrne" not in only.text


def test_a_booking_that_is_over_or_cancelled_is_not_moved(desk):
    Booking.objects.filter(pk=desk.booking.pk).update(status=Status.CANCELLED)
    assert desk.get(part=1).status_code == 409
    assert desk.get().status_code == 302
    assert desk.move(desk.other).status_code == 409


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"slot": ""}, 422),
        ({"slot": "x"}, 422),
        ({"slot": 2**70}, 422),
        ({"slot": 2**40}, 409),  # there may have been such a slot
        ({"reason": "\x00"}, 422),
    ],
)
def test_nonsense_is_refused(desk, values, status):
    data = {"booking": desk.booking.pk, "slot": desk.other.pk, "part": 1} | values
    assert desk.staff.post(URL, data).status_code == status
    assert desk.now().slot_id == desk.booking.slot_id


@pytest.mark.parametrize("booking", ["", "x", "0", str(2**70)])
def test_an_unknown_booking_is_not_found(desk, booking):
    assert desk.staff.get(URL, {"booking": booking}).status_code == 404
    assert desk.staff.post(URL, {"booking": booking, "slot": desk.other.pk}).status_code == 404


class TestWho:
    def test_other_organisations_have_nothing_here(self, desk):
        stranger = logged_in(make_member(make_organization()))
        assert desk.get(stranger).status_code == 404
        assert desk.move(desk.other, stranger).status_code == 404

    def test_nobody_moves_a_booking_out_of_its_organisation(self, desk):
        elsewhere = make_slot()
        root = logged_in(make_superuser())
        assert desk.get(root, slot=elsewhere.pk).status_code == 404
        assert desk.move(elsewhere, root).status_code == 409
        assert desk.now().slot_id == desk.booking.slot_id

    def test_an_expert_moves_the_own_within_the_own_calendar(self, desk):
        user = make_member(desk.clinic, Role.EXPERT)
        desk.amara.user = user
        desk.amara.save()
        amara = logged_in(user)
        assert tiles(desk.get(amara)) == [str(desk.same.pk)]
        assert tiles(desk.get(amara, experts=[desk.nora.pk])) == []
        assert desk.get(amara, slot=desk.other.pk).status_code == 404
        assert desk.move(desk.other, amara).status_code == 409
        theirs = make_booking(make_slot(desk.nora, at="16:00"))
        assert amara.get(URL, {"booking": theirs.pk}).status_code == 404
        assert desk.move(desk.same, amara).status_code == 200
        assert desk.now().slot_id == desk.same.pk


def test_the_times_cost_as_many_queries_however_many_experts_and_slots(desk, django_assert_num_queries):
    with django_assert_num_queries(7) as captured:
        desk.get(part=1)
    for _ in range(4):
        expert = make_expert(organization=desk.clinic)
        for hour in range(8, 12):
            make_slot(expert, at=f"{hour:02}:00")
    with django_assert_num_queries(len(captured)):
        assert len(re.findall("data-to=", desk.get(part=1).text)) == 2 + 16


def test_the_page_of_a_booking_leads_to_the_tiles(desk):
    page = desk.staff.get(reverse("admin:bookings_booking_change", args=[desk.booking.pk]))
    assert f'href="{URL}?booking={desk.booking.pk}"' in page.text
