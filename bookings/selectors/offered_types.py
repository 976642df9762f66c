"""Which of the session types that an expert offers a page is about, and how people choose one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import JSONField
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experts.models import Audience, Expert, OfferedType, SessionType
from experts.models.expert import Venue


@dataclass(frozen=True)
class TypeOnOffer:
    """An active type that an expert offers, as it is read with a page's version. ``venue``: as ``Session.venue``.

    ``version`` differs whenever the type or the offer does.
    """

    pk: int
    slug: str
    is_listed: bool
    venue: str
    version: str


def types_on_offer() -> RawSQL:
    """For an annotation of a query of experts: what ``read_types`` reads; None where an expert offers no type."""
    offer, kind, expert = (model._meta.db_table for model in (OfferedType, SessionType, Expert))
    return RawSQL(
        f"""
        SELECT jsonb_agg(jsonb_build_array(t.id, t.slug, t.audience <> '{Audience.LINK.value}', t.venue,
                                           concat_ws('.', t.xmin, t.ctid, o.xmin, o.ctid))
                         ORDER BY t.position, t.name, o.id)
        FROM {offer} o JOIN {kind} t ON t.id = o.session_type_id
        WHERE o.expert_id = {expert}.id AND t.is_active AND t.experts_needed = 1
        """,
        [],
        output_field=JSONField(),
    )


def read_types(found: list[list[Any]] | None, expert_venue: str) -> list[TypeOnOffer]:
    """Return what was annotated by ``types_on_offer``, in the organisation's order."""
    return [TypeOnOffer(pk, slug, listed, venue or expert_venue, row) for pk, slug, listed, venue, row in found or []]


def choose_type(types: Sequence[TypeOnOffer], slug: str) -> TypeOnOffer | None:
    """Return the type that an address with this ``type`` is about: the only one on the list if it names none.

    None where there is still a choice, and where it names one that is not offered.
    """
    if slug:
        return next((it for it in types if it.slug == slug), None)
    listed = [it for it in types if it.is_listed]
    return listed[0] if len(listed) == 1 else None


@dataclass(frozen=True)
class TypeCard:
    """A type to choose, as everybody sees it. ``facts``: ``40 min · €60``; ``address``: "" where nobody meets."""

    slug: str
    name: str
    facts: str
    description: str
    venue: str
    venue_icon: str
    address: str
    is_chosen: bool


@dataclass(frozen=True)
class TypeChoice:
    """The question "What is it for?". ``chosen``: what was answered; ``problem``: why there is to choose anew.

    ``action``: the address that shows the times of the type that is sent to it as ``type``.
    """

    cards: list[TypeCard]
    chosen: TypeCard | None
    action: str
    problem: str

    @property
    def is_asked(self) -> bool:
        """Whether there is something to choose."""
        return len(self.cards) > 1 or (self.chosen is None and bool(self.cards))

    @classmethod
    def of(
        cls,
        expert: Expert,
        offers: Sequence[OfferedType],
        chosen: OfferedType | None,
        action: str,
        *,
        problem: str = "",
    ) -> "TypeChoice":
        """Build the choice between those ``offers`` that are listed, and what was chosen."""
        shown = [it for it in offers if it.session_type.audience != Audience.LINK or it == chosen]
        cards = [_card(it, expert, is_chosen=it == chosen) for it in shown]
        return cls(cards, next((card for card in cards if card.is_chosen), None), action, problem)


def _card(offer: OfferedType, expert: Expert, *, is_chosen: bool) -> TypeCard:
    terms = offer.terms
    venue = Venue(terms.venue_with(expert))
    return TypeCard(
        slug=offer.session_type.slug,
        name=terms.name,
        facts=" · ".join(fact for fact in (minutes_in_short(terms.minutes), terms.price) if fact),
        description=offer.session_type.description,
        venue=str(venue.label),
        venue_icon=venue.icon,
        address=terms.note_with(expert) if venue == Venue.IN_PERSON else "",
        is_chosen=is_chosen,
    )


def minutes_in_short(minutes: int) -> str:
    """Return ``40 min``."""
    return ngettext("%(count)d min", "%(count)d min", minutes) % {"count": minutes}


def not_offered(expert: Expert) -> str:
    """Say that an address names a type that the expert does not offer, or not any more."""
    return _("%(name)s does not offer this any more.") % {"name": expert.name}
