"""Write session types and who offers them, once staff have seen what new lengths mean."""

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError
from django.db.models import F, Max, ProtectedError
from django.utils.functional import Promise
from django.utils.text import slugify
from django.utils.translation import gettext as _

from experts import publisher
from experts.errors import InvalidSessionType, NotFound, TypePreviewNeeded
from experts.example_types import ExampleSet
from experts.hooks import example_added
from experts.locking import slot_transaction, violated_constraint
from experts.models import Audience, Expert, OfferedType, Organization, SessionType, WeeklyHours
from experts.models.session_type import LONGEST_SESSION
from experts.scheduling.type_plan import Offers, plan_offers, read_offers
from experts.search import fold
from experts.services.hours import lock_expert, lock_experts

_SLUG_LENGTH = 60
_SECRET_BYTES = 8  # of the address of a type that only people with its link may book
# Who offers a type is written to these fields of the offer.
_OWN_TERMS = ("minutes", "price_amount", "price_words")


def save_session_type(
    *,
    session_type: SessionType,
    fields: Collection[str] = (),
    offered: Collection[OfferedType] = (),
    withdrawn: Collection[int] = (),
    seen: str = "",
) -> SessionType:
    """Add a type, or write those of its ``fields`` (names) that were changed, and who offers it. In one transaction.

    ``offered``: offers, new or changed, of experts of the organisation; ``withdrawn``: ids of experts who offer it no
    more; all others stay as they are. An empty slug is filled in. Returns the type as it is now. Bookings keep what
    was agreed. Locks the type, then the experts concerned. Raises TypePreviewNeeded unless ``seen`` is the key of what
    other lengths or offers mean for times that can be booked, InvalidSessionType, NotFound, Busy.
    """
    with _refusals_as_messages(), slot_transaction():
        if session_type.pk:
            stored = _lock(session_type.pk)
            before = read_offers(types=[stored.pk])
            for name in fields:
                setattr(stored, name, getattr(session_type, name))
            session_type = stored
        else:
            before = {}
            last = SessionType.objects.filter(organization=session_type.organization_id).aggregate(last=Max("position"))
            session_type.position = (last["last"] or 0) + 1
        session_type.slug = session_type.slug or _free_slug(session_type)
        session_type.full_clean(exclude=["organization"])
        session_type.save()
        for offer in offered:
            offer.session_type = session_type
        concerned = {offer.expert_id for offer in offered} | {expert_id for expert_id, _type in before}
        _write_offers(offered, concerned)
        OfferedType.objects.filter(session_type=session_type, expert__in=withdrawn).delete()
        _must_be_seen(before, read_offers(types=[session_type.pk]), seen)
    return session_type


def save_offers(
    *, expert_id: int, offered: Collection[OfferedType] = (), withdrawn: Collection[int] = (), seen: str = ""
) -> None:
    """Write what an expert offers: ``offered`` are offers, new or changed, ``withdrawn`` ids of types. The rest stays.

    As ``save_session_type``. Locks the expert.
    """
    with _refusals_as_messages(), slot_transaction():
        expert = lock_expert(expert_id)
        before = read_offers(experts=[expert_id])
        for offer in offered:
            offer.expert = expert
        _write_offers(offered, {expert_id})
        OfferedType.objects.filter(expert=expert_id, session_type__in=withdrawn).delete()
        _must_be_seen(before, read_offers(experts=[expert_id]), seen)


def delete_session_type(*, session_type_id: int) -> None:
    """Delete a type that nobody ever booked and no hours are for. Raises InvalidSessionType, NotFound, Busy."""
    with slot_transaction():
        session_type = _lock(session_type_id)
        hours = WeeklyHours.objects.filter(
            expert__organization=session_type.organization_id, for_types__contains=[session_type_id]
        )
        if row := hours.select_related("expert").first():
            text = _("Hours of %(expert)s are for it. Change these first, or retire it: then nobody can choose it.")
            raise InvalidSessionType(text % {"expert": row.expert.name})
        experts = [expert_id for expert_id, _type in read_offers(types=[session_type_id])]
        try:
            session_type.delete()
        except ProtectedError as error:
            text = _("There are bookings of it, past ones too. Retire it instead: then nobody can choose it.")
            raise InvalidSessionType(text) from error
        _renew_pages(experts)


def move_session_type(*, session_type_id: int, places: int = 0, onto: int | None = None) -> None:
    """Move a type up (negative) or down among those of its organisation, or to the place of the one with key ``onto``.

    Locks them. Raises NotFound, Busy.
    """
    with slot_transaction():
        mine = SessionType.objects.filter(pk=session_type_id).values("organization")
        rows = list(SessionType.objects.select_for_update(no_key=True).filter(organization__in=mine).order_by("pk"))
        rows.sort(key=lambda row: (row.position, row.name, row.pk))
        place = next((place for place, row in enumerate(rows) if row.pk == session_type_id), None)
        if place is None:
            raise NotFound(_("There is no such session type."))
        if onto is not None:
            found = next((other for other, row in enumerate(rows) if row.pk == onto), None)
            if found is None:
                raise NotFound(_("There is no such session type."))
            places = found - place
        moved = rows.pop(place)
        rows.insert(min(max(place + places, 0), len(rows)), moved)
        for position, row in enumerate(rows, start=1):
            if row.position != position:
                SessionType.objects.filter(pk=row.pk).update(position=position)
        offering = OfferedType.objects.filter(session_type__in=[row.pk for row in rows])
        _renew_pages(offering.values_list("expert", flat=True))


def add_example_types(*, organization: Organization, example: ExampleSet) -> list[SessionType]:
    """Add the types of a set to an organisation that has none, in the language that is active. Nobody offers them yet.

    What else comes with the example is added by who is registered (``on_example_added``).

    Locks the organisation. Raises InvalidSessionType where there are types already, Busy.
    """
    with slot_transaction():
        # Two requests at once: the second waits here, and then finds the types.
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        if SessionType.objects.filter(organization=organization).exists():
            raise InvalidSessionType(_("There are session types already."))
        types = [
            save_session_type(
                session_type=SessionType(
                    organization=organization,
                    name=str(each.name),
                    minutes=each.minutes,
                    description=str(each.description),
                    **{
                        name: str(value) if isinstance(value, Promise) else value for name, value in each.values.items()
                    },
                )
            )
            for each in example.types
        ]
        example_added(organization, example, types)
        return types


def _lock(session_type_id: int) -> SessionType:
    rows = SessionType.objects.select_for_update(no_key=True, of=["self"]).select_related("organization")
    session_type = rows.filter(pk=session_type_id).first()
    if session_type is None:
        raise NotFound(_("There is no such session type."))
    return session_type


def _write_offers(offered: Collection[OfferedType], experts: Collection[int]) -> None:
    """Write offers, whether somebody else has made them meanwhile or not, and have the experts' pages made anew."""
    for offer in offered:
        if offer.expert.organization_id != offer.session_type.organization_id:
            raise InvalidSessionType(_("This expert works for another organisation."))
        offer.clean_fields(exclude=["expert", "session_type"])
        lasts = offer.terms
        if lasts.minutes + lasts.buffer_before + lasts.buffer_after > LONGEST_SESSION:
            raise InvalidSessionType(_("With the minutes kept free before and after it is longer than a day."))
    for offer in offered:
        values = {name: getattr(offer, name) for name in _OWN_TERMS}
        OfferedType.objects.update_or_create(
            expert_id=offer.expert_id, session_type_id=offer.session_type_id, defaults=values
        )
    _renew_pages(experts)


def _renew_pages(experts: Collection[int]) -> None:
    """Make the experts' rows look changed: pages that show what they offer are kept until these are."""
    locked = [expert.pk for expert in lock_experts(pk__in=experts)]
    Expert.objects.filter(pk__in=locked).update(slots_until=F("slots_until"))
    for expert_id in locked:
        publisher.offers_changed(expert_id)


def _must_be_seen(before: Offers, after: Offers, seen: str) -> None:
    plan = plan_offers(before, after)
    if plan.changes and plan.key != seen:
        raise TypePreviewNeeded(plan, plan.key)


def _free_slug(session_type: SessionType) -> str:
    """The name as an address that is free; for a type that only people with its link book, one that nobody guesses."""
    secret = f"-{secrets.token_hex(_SECRET_BYTES)}" if session_type.audience == Audience.LINK else ""
    name = slugify(fold(session_type.name)) or "session"
    base = f"{name[: _SLUG_LENGTH - 8 - len(secret)].strip('-')}{secret}"
    others = SessionType.objects.filter(organization=session_type.organization_id).exclude(pk=session_type.pk)
    taken = set(others.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for slug in (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))) if slug not in taken)


@contextmanager
def _refusals_as_messages() -> Iterator[None]:
    """Raise InvalidSessionType, with a message for people, for what the model or the database refuses."""
    try:
        yield
    except ValidationError as error:
        messages: dict[str, Any] = error.message_dict
        field = next(iter(messages))
        raise InvalidSessionType(" ".join(messages[field]), field="" if field == NON_FIELD_ERRORS else field) from error
    except IntegrityError as error:
        if violated_constraint(error) != "session_type_once_per_organization":
            raise
        text = _("There is a session type with this address already.")
        raise InvalidSessionType(text, field="slug") from error
