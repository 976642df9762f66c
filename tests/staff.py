"""People who work in the admin, and what their tests have in common."""

from itertools import count

from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from experts.models import Membership, Organization, Role, User

PASSWORD = "maya knows the way"
_numbers = count(1)


def make_superuser(**values) -> User:
    """Somebody who may do everything in the admin."""
    n = next(_numbers)
    return User.objects.create_superuser(**{"email": f"maya{n}@example.com", "password": PASSWORD} | values)


def make_user(**values) -> User:
    """Somebody with an account and no rights."""
    n = next(_numbers)
    return User.objects.create_user(**{"email": f"plain{n}@example.com", "password": PASSWORD} | values)


def make_member(organization: Organization, role: Role = Role.OWNER, **values) -> User:
    """Somebody who works for the organisation."""
    user = make_user(**{"is_staff": True} | values)
    Membership.objects.create(user=user, organization=organization, role=role)
    return user


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def admin_url(model, page: str = "changelist", *args) -> str:
    """The address of one of the model's pages in the admin."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def messages_of(response) -> list[str]:
    """The messages that an answer leaves for the next page."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def errors_of(response) -> dict[str, list[str]]:
    """What a form that was sent back says about its fields."""
    return dict(response.context["adminform"].form.errors)


def run_action(client: Client, model, action: str, rows, **values):
    """Choose an action for rows of the list."""
    data = {"action": action, "_selected_action": [row.pk for row in rows], "index": 0} | values
    return client.post(admin_url(model), data)
