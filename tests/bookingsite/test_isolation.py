"""Nobody on staff sees another organisation's data: a walk through every address of the admin.

Somebody who adds a page, an address or a filter need not come here: the walk finds it. It fails when it does not know
how to call something (tests/bookingsite/isolation.py tells it), or when a page does not say to whom its rows belong.
Who may open which address at all: tests/abuse/test_matrix.py.
"""

import pytest
from django.contrib import admin
from django.contrib.auth import get_user
from django.forms import ModelChoiceField
from django.http import QueryDict
from django.test import RequestFactory
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from bookings.models import ApiToken, Block, Booking, CalendarFeed, Question, WebhookEndpoint
from experts.admin.scoping import Scoped, WithinReach
from experts.models import Category, Expert, Invitation, SessionType, Slot, TimeOff
from experts.permissions import RIGHTS
from tests.bookingsite import isolation
from tests.bookingsite.isolation import (
    FOR_SUPERUSERS,
    MISSING,
    SHARED,
    addresses,
    calls,
    everything_stored,
    leaks,
    looks,
)
from tests.staff import admin_url, errors_of, run_action

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
ADDRESSES = addresses()
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
ACTIONS = [
    (model, getattr(action, "__name__", action))
    for model in MODELS
    for action in admin.site.get_model_admin(model).actions or ()
]
OTHERS = ["stranger", "colleague"]
# Of what they may add rows of their own: all others get no form.
MAY_ADD = {
    "stranger": {
        *(ApiToken, Block, Booking, CalendarFeed, Question, WebhookEndpoint),
        *(Expert, Invitation, SessionType, Slot, TimeOff),
    },
    "colleague": {Booking, CalendarFeed, Slot, TimeOff},
}
ENDS_THE_SESSION = {"/admin/logout/"}


def label(part) -> str:
    return part._meta.label if hasattr(part, "_meta") else part


def of(model):
    return [address for address in ADDRESSES if address.model is model]


def choices(world, model) -> dict:
    """What somebody would choose in the form of a new row: each time the thing that is not theirs."""
    return {f.name: world.objects[f.related_model].pk for f in model._meta.fields if f.related_model in world.objects}


# The walk itself


def test_the_walk_knows_every_page_and_every_address(world):
    assert set(world.objects) == set(MODELS), "make one of these in tests/bookingsite/isolation.py"
    for address in ADDRESSES:
        calls(address, world)
        assert set(address.names) <= {*isolation.KEYS, "app_label", "url", "name", "kind"}, address


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_page_says_to_whom_its_rows_belong(model):
    page = admin.site.get_model_admin(model)
    assert all(issubclass(part, Scoped) for part in (type(page), *page.inlines))
    if model in FOR_SUPERUSERS:
        assert not (page.organization_path or page.shared)
    else:
        assert page.shared == (model in SHARED)
        assert page.shared or page.organization_path
        assert model._meta.label_lower in RIGHTS
    for entry in page.list_filter:
        if isinstance(entry, tuple) and issubclass(entry[1], AutocompleteSelectFilter):
            assert issubclass(entry[1], WithinReach), "it would name what the address asks for, whoever asks"


# A stranger from another organisation, and a colleague who has a calendar of one's own only


@pytest.mark.parametrize("who", OTHERS)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_what_is_somebody_elses_looks_as_if_it_were_not_there(world, who, model):
    client, words, before = world.people[who], world.words[who], everything_stored(world)

    def get(url):
        client.cookies.pop("messages", None)  # of the answer before
        return client.get(url)

    def post(url):
        client.cookies.pop("messages", None)
        return client.post(url, {"post": "yes", "reason": "x"})

    for address in of(model):
        for url, missing in zip(calls(address, world), calls(address, world, MISSING), strict=True):
            for ask in (get, post):
                response = ask(url)
                assert response.status_code < 500, url
                assert not leaks(response, words), url
                if address.names and model not in SHARED:
                    assert response.status_code != 200, url
                    key = world.objects[model].pk
                    assert looks(response, key) == looks(ask(missing), key), url
    assert everything_stored(world) == before


@pytest.mark.parametrize("who", OTHERS)
def test_no_page_of_the_whole_site_tells_of_it(world, who):
    client, words, before = world.people[who], world.words[who], everything_stored(world)
    for address in ADDRESSES:
        if address.model is None and address.pattern not in ENDS_THE_SESSION:
            for url in calls(address, world):
                for response in (client.get(url), client.post(url)):
                    assert response.status_code < 500, url
                    assert not leaks(response, words), url
    for word in words:
        for query in ({"s": word}, {"s": word, "extended": 1}):
            # What was typed is not what was found: the addresses that an answer leads to tell that.
            found = client.get(reverse("admin:search"), query)
            assert "/change/" not in found.text, word
    assert everything_stored(world) == before


@pytest.mark.parametrize("who", OTHERS)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_list_can_be_asked_for_it(world, who, model):
    client, words = world.people[who], world.words[who]
    page = admin.site.get_model_admin(model)
    request = RequestFactory().get(admin_url(model))
    request.user, request.session = get_user(client), client.session
    if client.get(admin_url(model)).status_code == 403:
        assert not page.has_view_permission(request), "a refusal that has to do with the address"
        return
    queries = [{"e": "1"}, {"all": ""}, {"o": "1"}, {"when": "all"}, {"p": "1"}]
    for field in model._meta.get_fields():
        if (remote := getattr(field, "related_model", None)) in world.objects:
            key = world.objects[remote].pk
            queries += [{f"{field.name}{end}": key} for end in ("", "__id__exact", "__exact", "__in")]
    for entry in page.list_filter:
        path = entry[0] if isinstance(entry, tuple) else entry
        if isinstance(path, str):
            remote = model._meta.get_field(path).remote_field if "__" not in path else None
            key = world.objects[remote.model].pk if remote else world.objects[Expert].pk
            queries += [{f"{path}__id__exact": key}, {f"{path}__exact": key}]
    for query in {tuple(query.items()): query for query in queries}.values():  # a filter is of a field, too
        response = client.get(admin_url(model), query)
        # What means nothing leads to the list with a note above it, which is one of the queries.
        assert response.status_code in (200, 400) or response["Location"].endswith("?e=1"), query
        assert not leaks(response, words), query
        if response.context and "cl" in response.context:
            assert world.objects[model] not in list(response.context["cl"].result_list) or model in SHARED
    for word in words if page.search_fields else words[:1]:
        # What was typed stands in the search field of the page: the rows are looked at, without the page around them.
        request.GET = QueryDict(mutable=True)
        request.GET["q"] = word
        assert not list(page.get_changelist_instance(request).result_list), word


@pytest.mark.parametrize("who", OTHERS)
def test_no_reverse_way_leads_to_it(world, who):
    """Which category an expert is in, asked the other way round, would tell that there is such an expert."""
    for query in ({"experts": world.objects[Expert].pk}, {"experts__user__isnull": "True"}, {"experts__name": "x"}):
        assert world.people[who].get(admin_url(Category), query).status_code == 400


@pytest.mark.parametrize("who", OTHERS)
def test_no_suggestion_names_it(world, who):
    client, asked = world.people[who], 0
    for model in MODELS:
        for field in model._meta.get_fields():
            if field.concrete and field.related_model in world.objects:
                query = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
                for word in ["", *world.words[who]]:
                    response = client.get(
                        reverse("admin:autocomplete"), query | {"field_name": field.name, "term": word}
                    )
                    if response.status_code == 403:
                        break  # whatever was typed
                    assert response.status_code == 200, query
                    assert not leaks(response, world.words[who]), (query, word)
                    asked += 1
    assert asked


@pytest.mark.parametrize(("who", "model"), [(who, model) for who in OTHERS for model in MODELS], ids=label)
def test_a_form_is_for_those_who_may_add(world, who, model):
    client, before = world.people[who], everything_stored(world)
    chosen = choices(world, model)
    response = client.get(admin_url(model, "add"), chosen)
    assert response.status_code == (200 if model in MAY_ADD[who] else 403)
    assert not leaks(response, world.words[who])
    response = client.post(admin_url(model, "add"), chosen)
    assert response.status_code == (200 if model in MAY_ADD[who] else 403)
    assert not leaks(response, world.words[who])
    assert everything_stored(world) == before


@pytest.mark.parametrize(
    ("who", "model"), [(who, model) for who in OTHERS for model in MODELS if model in MAY_ADD[who]], ids=label
)
def test_no_form_offers_or_takes_it(world, who, model):
    client, chosen = world.people[who], choices(world, model)
    form = client.get(admin_url(model, "add"), chosen).context["adminform"].form
    for name, field in form.fields.items():
        if isinstance(field, ModelChoiceField) and field.queryset.model not in SHARED:
            assert not field.queryset.filter(pk=world.objects[field.queryset.model].pk).exists(), name
    unknown = {name: MISSING for name in chosen if model._meta.get_field(name).related_model not in SHARED}
    refused = client.post(admin_url(model, "add"), chosen)
    missing = client.post(admin_url(model, "add"), chosen | unknown)
    assert errors_of(refused) == errors_of(missing)


@pytest.mark.parametrize("who", OTHERS)
@pytest.mark.parametrize(("model", "action"), ACTIONS, ids=label)
def test_no_action_touches_it(world, who, model, action):
    before = everything_stored(world)
    response = run_action(world.people[who], model, action, [world.objects[model]], post="yes", reason="x", seats="5")
    assert response.status_code in (200, 302, 403)
    assert not leaks(response, world.words[who])
    assert everything_stored(world) == before


# The organisation's own people, and the proof that the walk can fail


@pytest.mark.parametrize("model", [m for m in MODELS if m not in FOR_SUPERUSERS], ids=lambda model: model._meta.label)
def test_the_owner_sees_what_is_the_organisations(world, model):
    response = world.people["owner"].get(admin_url(model))
    assert world.objects[model] in list(response.context["cl"].result_list)


def _found_by_the_walk(world, client) -> set:
    """The models whose words the walk meets."""
    found = set()
    for address in ADDRESSES:
        if address.model and any(leaks(client.get(url), world.words["stranger"]) for url in calls(address, world)):
            found.add(address.model)
    return found


def test_the_walk_finds_what_can_be_found(world, monkeypatch):
    """The control: for a superuser, and for a stranger without limits, the same words are all over the place."""
    belonging = set(MODELS) - SHARED
    assert belonging <= _found_by_the_walk(world, world.people["superuser"])
    for kind in {kind for page in admin.site._registry.values() for kind in type(page).__mro__}:
        if "within" in vars(kind):
            monkeypatch.setattr(kind, "within", lambda self, request, rows, *args, **kwargs: rows)
    monkeypatch.setattr(Scoped, "reaches", lambda self, *args, **kwargs: True)
    assert belonging - set(FOR_SUPERUSERS) <= _found_by_the_walk(world, world.people["stranger"])


def test_the_walk_finds_a_filter_that_names_things(world, monkeypatch):
    monkeypatch.setattr(WithinReach, "choices", AutocompleteSelectFilter.choices)
    response = world.people["stranger"].get(admin_url(Slot), {"expert__id__exact": world.objects[Expert].pk})
    assert leaks(response, world.words["stranger"])
