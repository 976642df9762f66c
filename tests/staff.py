"""People who work in the admin, and what their tests have in common."""

from itertools import count

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

_numbers = count(1)


def make_superuser(**values) -> User:
    """Somebody who may do everything in the admin."""
    n = next(_numbers)
    return User.objects.create_superuser(**{"username": f"maya{n}", "password": "a long password 1"} | values)


def make_user(**values) -> User:
    """Somebody with an account and no rights."""
    n = next(_numbers)
    return User.objects.create_user(**{"username": f"plain{n}", "password": "a long password 1"} | values)


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def page(model, what: str = "changelist", *args) -> str:
    """The address of a page of the model in the admin."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=args)


def texts(response) -> list[str]:
    """The messages that the answer shows, or the next page will."""
    found = response.context["messages"] if response.context and "messages" in response.context else []
    return [str(message) for message in found]
