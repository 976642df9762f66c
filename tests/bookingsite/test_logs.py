"""What is in the log, and what is not."""

import logging

import pytest

from tests.api.caller import LENA, Caller
from tests.cast import book, make_slot


@pytest.mark.django_db
def test_a_crowd_that_is_turned_away_is_no_crowd_of_warnings(caplog):
    slot = make_slot()
    book(slot)
    with caplog.at_level(logging.INFO, logger="django.request"):
        assert Caller().post(f"/slots/{slot.pk}/book", LENA).status_code == 409
        assert Caller().get("/experts/nobody").status_code == 404
    assert [record.status_code for record in caplog.records if record.name == "django.request"] == [404]
