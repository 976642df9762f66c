"""Describe an expert and the free times of the shown week to search engines, in the words of schema.org (JSON-LD)."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from experts.addresses import absolute_url
from experts.metadata import Metadata
from experts.models import Expert, OfferedType, Session, Slot

# As django.utils.html.json_script has them: no text of a person can end the script element that the data is in.
_ESCAPES = {ord(">"): "\\u003E", ord("<"): "\\u003C", ord("&"): "\\u0026"}


def describe_expert(
    expert: Expert,
    metadata: Metadata,
    free: Iterable[tuple[Slot, bool]],
    *,
    has_types: bool = False,
    offered: OfferedType | None = None,
) -> SafeString:
    """Return the JSON-LD of an expert's page, to stand in a script element.

    The expert's category and organisation were read with it. ``free``: slots that can be booked, or the sessions of the
    type that the page shows, and whether only few seats are left. ``has_types``: whether the expert offers any;
    ``offered``: the one that is shown.
    """
    free = list(free)
    priced = _price(offered)
    service = {
        "@type": "Service",
        "name": _service_name(expert, free[0][0] if free else None, has_types=has_types),
        "serviceType": expert.category.name,
        "provider": {"@id": _key(expert)},
        "url": metadata.url,
        "offers": [_offer(slot, is_few=is_few) | priced for slot, is_few in free],
    }
    data = {"@context": "https://schema.org", "@graph": [_who(expert, metadata), service]}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return mark_safe(text.translate(_ESCAPES))


def _service_name(expert: Expert, first: Slot | None, *, has_types: bool) -> str:
    if isinstance(first, Session):
        return _("%(session)s with %(name)s") % {"session": first.terms.name, "name": expert.name}
    if has_types:
        return _("A session with %(name)s") % {"name": expert.name}
    return _("%(count)d minutes with %(name)s") % {"count": expert.session_minutes, "name": expert.name}


def _who(expert: Expert, metadata: Metadata) -> dict[str, Any]:
    """Describe the expert. To schema.org a physician is a practice, which has no job title and works for nobody."""
    house = expert.organization
    belongs_to = {"@type": "Organization", "name": house.name, "url": absolute_url("organization", house.slug)}
    is_place = expert.venue == "in_person" and expert.venue_note
    common = {
        "@id": _key(expert),
        "name": expert.name,
        "url": absolute_url("expert", expert.slug),
        "description": metadata.description,
        # The person, if there is a photo; else the picture with the next free time.
        "image": urljoin(metadata.url, expert.photo_large) if expert.photo else metadata.image_url,
        "knowsLanguage": expert.languages,
    }
    if expert.category.is_medical:
        own = {"@type": "Physician", "parentOrganization": belongs_to, "address": expert.venue_note if is_place else ""}
    else:
        own = {"@type": "Person", "jobTitle": expert.headline, "worksFor": belongs_to}
    return {name: value for name, value in (own | common).items() if value}


def _key(expert: Expert) -> str:
    return f"{absolute_url('expert', expert.slug)}#expert"


def _price(offered: OfferedType | None) -> dict[str, str]:
    if offered is None or offered.amount is None:
        return {}
    amount, currency = offered.amount
    return {"price": f"{amount:.2f}", "priceCurrency": currency}


def _offer(slot: Slot, *, is_few: bool) -> dict[str, str]:
    return {
        "@type": "Offer",
        "availability": f"https://schema.org/{'LimitedAvailability' if is_few else 'InStock'}",
        "availabilityStarts": _instant(slot.starts_at),
        "availabilityEnds": _instant(slot.ends_at),
    }


def _instant(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
