"""One person who uses all of the product, with the same word in everything that they can type."""

import re
import smtplib
from datetime import timedelta

import pghistory
from asgiref.sync import async_to_sync
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from bookings import services
from bookings.models import Booking, Question, Status
from experts.models import Expert, Slot
from experts.models.organization import ProofPolicy
from tests.api.caller import Caller, make_token, with_key
from tests.cast import book, details, make_expert, make_organization, make_question, make_slot, make_webhook, move_slot
from tests.jobs import arguments_of
from tests.mail import send_mails
from tests.staff import logged_in, make_member

MARK = "qzmarker"
EMAIL = "Qzmarker@example.com"  # typed so, and in lower case elsewhere
PERSON = {
    "name": "Qzmarker Weber",
    "email": EMAIL,
    "phone": "+49 1512 3456789",
    "notes": "My knee, says qzmarker.",
}
# What is looked for everywhere, as a pattern: a telephone number holds no letters.
MARKS = f"{MARK}|1512 ?3456789"


class RefusingBackend(EmailBackend):
    """A mail server that refuses every mail, and repeats the address."""

    def send_messages(self, messages):
        to = messages[0].to[0]
        raise smtplib.SMTPRecipientsRefused({to: (450, f"<{to}> try later".encode())})


def make_house(receiver_url: str, **values) -> tuple[Expert, Client]:
    """An expert of an organisation that asks why, and has its webhooks told who books; its owner's browser."""
    expert = make_expert(organization=make_organization(**{"proof": ProofPolicy.NEVER} | values))
    make_webhook(expert.organization, url=receiver_url, sends_contacts=True)
    make_question(expert.organization, slug="why", in_webhooks=True, in_staff_mail=True)
    return expert, logged_in(make_member(expert.organization))


def live_a_life(expert: Expert, owner: Client, browser: Client, settings) -> None:
    """Book, move, cancel, wait and look up at an expert. Some jobs are done, and some are left."""
    # On the web: booked, moved, cancelled with a reason.
    first, second = make_slot(expert, at="09:00"), make_slot(expert, at="09:45")
    moved = book_on_the_web(browser, first)
    work()
    answer = browser.post(f"/bookings/{moved.reference}/reschedule/", {"slot": second.pk, "sequence": 0})
    assert answer.status_code == 303, answer.content
    work()
    answer = browser.post(f"/bookings/{moved.reference}/cancel/", {"reason": "plans", "sequence": 1})
    assert answer.status_code == 303
    # By programs: booked with a key, refused with a key, read, corrected by staff.
    third = make_slot(expert, at="10:30")
    answered = PERSON | {"answers": {"why": f"As {MARK} says."}}
    booked = Caller().post(f"/slots/{third.pk}/book", answered, **with_key(f"key-of-{MARK}-0001"))
    assert booked.status_code == 201
    refused = Caller().post(f"/slots/{third.pk}/book", PERSON, **with_key(f"key-of-{MARK}-0002"))
    assert refused.status_code == 409
    staff = Caller(make_token(expert.organization))
    reference = booked.json()["reference"]
    answer = staff.send("PATCH", f"/admin/bookings/{reference}", {"notes": f"Called: {MARK}", "phone": "01512 3456789"})
    assert answer.status_code == 200
    # A request that staff decline, with words; one whose address staff correct.
    expert.requires_approval = True
    expert.save()
    asked = book_on_the_web(browser, make_slot(expert, at="11:15"))
    answer = owner.post(f"/admin/bookings/booking/{asked.pk}/decide/reject/", {"reason": "Dear Qzmarker, we are away."})
    assert answer.status_code == 302
    expert.requires_approval = False
    expert.save()
    wrong = book_on_the_web(browser, make_slot(expert, at="12:00"), why="")
    corrected = {**PERSON, "name": "Somebody Else", "email": "else@example.com", "phone": "", "notes": ""}
    assert owner.post(f"/admin/bookings/booking/{wrong.pk}/change/", corrected).status_code == 302
    # Something that notes in the history what was typed. Nothing of ours does.
    with pghistory.context(typed=f"By {EMAIL}"):
        book(make_slot(expert, at="12:45"), **PERSON)
    # On a waitlist, and offered a seat.
    full = make_slot(expert, at="13:30")
    other = Booking.objects.get(reference=Caller().post(f"/slots/{full.pk}/book", ELSE).json()["reference"])
    assert browser.post(f"/slots/{full.pk}/waitlist/", details(step="join", **PERSON)).status_code in (200, 303)
    assert owner.post(f"/admin/bookings/booking/{other.pk}/decide/cancel/", {"reason": ""}).status_code == 302
    offer_another_time(expert, owner)
    # A session that is over, and one of which the mail did not leave.
    past = book_on_the_web(browser, make_slot(expert, at="14:15"))
    work()
    move_slot(past.slot, timezone.now() - timedelta(days=3))
    unsent = book_on_the_web(browser, make_slot(expert, at="15:00"))
    backend, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.RefusingBackend"
    send_mails()
    settings.EMAIL_BACKEND = backend
    assert unsent.status == Status.CONFIRMED
    # Looked up, by reference and by address; the job of the last one waits.
    browser.post("/bookings/", {"email": EMAIL, "reference": past.reference, "by": "reference"})
    browser.post("/bookings/", {"email": EMAIL})
    assert browser.get("/bookings/").status_code == 200


def ask_without_proof(expert: Expert) -> None:
    """Ask for two times where a link has to be opened first, and open none. One of the two runs out."""
    house = expert.organization
    house.proof, policy = ProofPolicy.ALWAYS, house.proof
    house.save()
    for at in ("16:00", "16:45"):
        row = book_on_the_web(Client(), make_slot(expert, at=at))
        assert row.awaits_proof
    Booking.objects.filter(pk=row.pk).update(expires_at=timezone.now())
    services.expire(booking_id=row.pk)
    house.proof = policy
    house.save()


ELSE = {"name": "Nina Else", "email": "nina@example.com"}


def offer_another_time(expert: Expert, owner: Client) -> None:
    """For a session that cannot take place, with words."""
    lost = book(make_slot(expert, at="20:00"), **PERSON)
    Slot.objects.filter(pk=lost.slot_id).update(is_closed=True)
    other = make_slot(expert, at="21:00")
    offered = {"act": f"offer:{lost.pk}", f"to-{lost.pk}": other.pk, "reason": "Dear Qzmarker, choose again."}
    assert owner.post("/admin/rescue/", offered).status_code == 302
    assert lost.rescues.get().message == offered["reason"]


def book_on_the_web(browser: Client, slot, why: str = f"Because of {MARK}.") -> Booking:
    browser.post(f"/slots/{slot.pk}/hold/")
    asked = Question.objects.filter(organization=slot.expert.organization_id)
    besides = {"key": f"form-{slot.pk}-{'0' * 16}"} | {f"answer-{question.pk}": why for question in asked}
    answer = browser.post(f"/slots/{slot.pk}/book/", details(step="confirm", **PERSON | besides))
    assert answer.status_code in (302, 303), answer.content
    return Booking.objects.with_slot().get(slot=slot, email=EMAIL)


def work() -> None:
    """Do all jobs that are due, as workers would, and send what waits in the outbox."""
    send_mails()
    while jobs := list(ProcrastinateJob.objects.filter(status="todo").order_by("pk")):
        due = [job for job in jobs if job.scheduled_at is None or job.scheduled_at <= timezone.now()]
        if not due:
            return
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = ANY(%s)", [[job.pk for job in due]])
        for job in due:
            run_job(job.task_name, job.args)


def run_job(name: str, arguments: dict) -> None:
    function = app.tasks[name].func
    (async_to_sync(function) if name.endswith("deliver_webhook") else function)(**arguments_of(arguments))


def let_erasing_end() -> None:
    """Do the steps of erasing, also those that wait for a while."""
    while jobs := list(ProcrastinateJob.objects.filter(task_name="bookings.tasks.erase").order_by("pk")):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = ANY(%s)", [[job.pk for job in jobs]])
        for job in jobs:
            run_job(job.task_name, job.args)
            send_mails()


def prove_address(browser: Client, email: str = EMAIL) -> str:
    """Ask for the link to one's data and open it. Returns the page that it leads to."""
    assert browser.post("/bookings/data/", {"email": email}).status_code == 303
    work()
    token = re.search(r"/bookings/link/([^/\s]+)/\?to=data", mail.outbox[-1].body)[1]
    return browser.post(f"/bookings/link/{token}/?to=data")["Location"]
