"""Who may store a photo or a logo, in which order that is asked, and where it is shown."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from experts.models import Expert, Organization, Role
from experts.pictures import MOST_BYTES
from tests.cast import make_expert, make_organization, make_slot
from tests.experts.services.test_pictures import drawn
from tests.staff import admin_url, logged_in, make_member, make_superuser, messages_of

pytestmark = pytest.mark.django_db


def upload(client: Client, obj, content: bytes | None = None, **headers):
    content = drawn((300, 300), "PNG").getvalue() if content is None else content
    url = reverse(f"admin:experts_{obj._meta.model_name}_picture", args=[obj.pk])
    return client.post(url, {"picture": SimpleUploadedFile("me.exe", content)}, **headers)


def has_photo(expert) -> bool:
    return bool(Expert.objects.get(pk=expert.pk).photo)


@pytest.fixture
def expert():
    return make_expert()


@pytest.mark.parametrize("role", [Role.OWNER, Role.SCHEDULER])
def test_staff_set_and_remove_a_photo(expert, role):
    client = logged_in(make_member(expert.organization, role))
    response = upload(client, expert)
    assert response.url == admin_url(Expert, "change", expert.pk)
    assert has_photo(expert)
    page = client.get(response.url).text
    assert Expert.objects.get(pk=expert.pk).photo_medium in page
    client.post(reverse("admin:experts_expert_picture", args=[expert.pk]), {"remove": "1"})
    assert not has_photo(expert)


def test_experts_set_their_own_and_nobody_elses(expert):
    user = make_member(expert.organization, Role.EXPERT)
    colleague = make_expert(organization=expert.organization)
    Expert.objects.filter(pk=expert.pk).update(user=user)
    client = logged_in(user)
    assert upload(client, expert).status_code == 302
    assert upload(client, colleague).status_code == 404
    assert (has_photo(expert), has_photo(colleague)) == (True, False)
    assert upload(client, expert.organization).status_code == 404


def test_strangers_store_nothing_and_their_file_is_not_read(expert, settings, tmp_path):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0  # each file that is read goes to the disk
    stranger = logged_in(make_member(make_organization()))
    assert upload(Client(), expert).status_code == 302
    response = upload(stranger, expert)
    assert response.status_code == 404
    assert not response.wsgi_request._read_started
    assert not has_photo(expert)
    # Without the token of the form nothing is written either, for whoever may.
    owner = make_member(expert.organization)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    assert upload(strict, expert).status_code == 403
    assert not has_photo(expert)
    strict.get(admin_url(Expert, "change", expert.pk))
    assert upload(strict, expert, HTTP_X_CSRFTOKEN=strict.cookies["csrftoken"].value).status_code == 302
    assert has_photo(expert)


def test_what_is_refused_is_said(expert):
    client = logged_in(make_member(expert.organization))
    response = upload(client, expert, b"<svg/>")
    assert messages_of(response) == ["This is no picture that we can read. Use a JPEG, PNG or WebP file."]
    answer = upload(client, expert, b"<svg/>", HTTP_HX_REQUEST="true")
    assert answer.status_code == 422
    assert "This is no picture" in answer.text
    empty = client.post(reverse("admin:experts_expert_picture", args=[expert.pk]))
    assert messages_of(empty)[-1] == "Choose a file first."
    assert upload(client, expert, b"x" * (MOST_BYTES + 70_000)).status_code == 413
    assert not has_photo(expert)


def test_one_file_and_no_more_at_no_other_address(expert):
    client = logged_in(make_superuser())
    file = drawn().getvalue()
    url = reverse("admin:experts_expert_picture", args=[expert.pk])
    two = {name: SimpleUploadedFile(f"{name}.jpg", file) for name in ("picture", "other")}
    assert client.post(url, two).status_code == 400
    change = {"picture": SimpleUploadedFile("me.jpg", file)}
    assert client.post(admin_url(Expert, "change", expert.pk), change).status_code == 400
    assert client.post(f"{url}x/", change).status_code == 400
    assert client.get(url).status_code == 405


def test_owners_set_a_logo_and_others_do_not():
    organization = make_organization()
    assert upload(logged_in(make_member(organization, Role.SCHEDULER)), organization).status_code == 403
    assert not Organization.objects.get(pk=organization.pk).logo
    assert upload(logged_in(make_member(organization)), organization).status_code == 302
    assert Organization.objects.get(pk=organization.pk).logo


def test_a_photo_is_shown_with_its_size_wherever_the_person_is(expert):
    slot = make_slot(expert)
    without = [Client().get(url).text for url in ("/", f"/experts/{expert.slug}/")]
    upload(logged_in(make_superuser()), expert)
    small = Expert.objects.get(pk=expert.pk).photo_small
    pages = ["/", f"/experts/{expert.slug}/", f"/embed/expert/{expert.slug}/", f"/o/{expert.organization.slug}/"]
    for url in pages:
        [image] = re.findall(rf'<img src="{small}"[^>]*>', Client().get(url).text)
        assert 'width="96" height="96"' in image
        assert 'alt=""' in image
    large = Expert.objects.get(pk=expert.pk).photo_large
    assert f'"image":"http://localhost:8000{large}"' in Client().get(f"/experts/{expert.slug}/").text.replace(": ", ":")
    visitor = Client()
    held = visitor.post(f"/slots/{slot.pk}/hold/", follow=True)
    assert small in held.text
    for page in without:
        assert "<img" not in page
        assert expert.initials in page
