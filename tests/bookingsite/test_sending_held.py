"""While sending is held, staff can see it on every page of the admin, and operators how to let it go."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bookings.mail.log import MailNotSentError
from bookings.mail.messages import send_password_link
from bookings.queue import BackOff, new_job
from experts import services
from experts.models import Role
from tests.cast import make_organization
from tests.staff import logged_in, make_member, make_superuser

pytestmark = pytest.mark.django_db
WORDS = "No e-mail and no webhook leaves from here."


@pytest.mark.parametrize("page", ["admin:bookings_booking_changelist", "admin:day", "admin:index"])
def test_everybody_on_staff_reads_it_and_operators_how_to_end_it(page):
    organization = make_organization()
    owner, operator = logged_in(make_member(organization, Role.OWNER)), logged_in(make_superuser())
    before = owner.get(reverse(page), follow=True).content.decode()
    services.hold_sending(why="This is a copy, restored from a backup of Monday.")
    texts = [client.get(reverse(page), follow=True).content.decode() for client in (owner, operator)]
    assert WORDS not in before
    assert all(WORDS in text and "restored from a backup of Monday" in text for text in texts)
    assert ["manage.py restore --send" in text for text in texts] == [False, True]


def test_no_link_to_a_password_leaves_while_sending_is_held(mailoutbox):
    user = make_superuser()
    services.hold_sending(why="This is a copy.")
    with pytest.raises(MailNotSentError) as refused:
        send_password_link(user, "http://localhost/", "now")
    assert refused.value.is_held
    assert mailoutbox == []
    job = new_job("bookingsite.accounts.tasks.send_password_link", user_id=user.pk, asked_at="now")
    again = BackOff().get_retry_decision(exception=refused.value, job=job.evolve(attempts=500))
    assert again is not None, "however often it was tried: nobody has given it up"
    assert again.retry_at > timezone.now() + timedelta(minutes=4)
    services.let_send()
    send_password_link(user, "http://localhost/", "now")
    assert len(mailoutbox) == 1
