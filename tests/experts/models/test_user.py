"""Accounts: an e-mail address is the login, whatever its case."""

from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest

from experts.models import User
from tests.staff import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def test_an_address_is_kept_in_lower_case():
    noor = User.objects.create_user("Noor@Example.COM", PASSWORD, name="Noor Haddad")
    assert noor.email == "noor@example.com"
    noor.email = "NOOR@example.com"
    noor.save()
    User.objects.bulk_create([User(email="MAYA@example.com")])
    assert set(User.objects.values_list("email", flat=True)) == {"noor@example.com", "maya@example.com"}


def test_one_logs_in_with_the_address_in_any_case():
    noor = make_user(email="noor@example.com")
    for typed in ("noor@example.com", "Noor@Example.com"):
        assert authenticate(HttpRequest(), username=typed, password=PASSWORD) == noor
        assert User.objects.get_by_natural_key(typed) == noor
    assert authenticate(HttpRequest(), username="noor", password=PASSWORD) is None


def test_an_address_has_one_account():
    make_user(email="noor@example.com")
    with pytest.raises(IntegrityError, match="experts_user_email_key"), transaction.atomic():
        make_user(email="NOOR@example.com")
    with pytest.raises(ValidationError) as refused:
        User(email="NOOR@example.com", password="!").full_clean()
    assert refused.value.message_dict == {"email": ["There is an account with this address already."]}


@pytest.mark.parametrize("address", ["Noor@example.com", ""])
def test_raw_sql_writes_no_other_addresses(address):
    noor = make_user(email="noor@example.com")
    with (
        pytest.raises(IntegrityError, match="user_address_lower_case"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE experts_user SET email = %s WHERE id = %s", [address, noor.pk])


def test_nobody_has_an_account_without_an_address():
    with pytest.raises(ValueError, match="e-mail address"):
        User.objects.create_user("")


def test_a_password_is_not_like_the_address_or_the_name():
    for password in ("noor.haddad", "NoorHaddad1"):
        with pytest.raises(ValidationError, match="too similar"):
            validate_password(password, User(email="noor.haddad@example.com", name="Noor Haddad"))


def test_the_command_makes_a_superuser(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", interactive=False, email="Maya@example.com", stdout=StringIO())
    maya = User.objects.get()
    assert (maya.email, maya.is_staff, maya.is_superuser) == ("maya@example.com", True, True)
    assert maya.check_password(PASSWORD)
    with pytest.raises(CommandError, match="already taken"):
        call_command("createsuperuser", interactive=False, email="MAYA@example.com", stdout=StringIO())


def test_colleagues_read_the_name_or_else_the_address():
    assert User(email="noor@example.com", name="Noor Haddad").shown_name == "Noor Haddad"
    assert User(email="noor@example.com").shown_name == "noor@example.com"
