"""Say what search engines show of a public page, and other sites when somebody shares it."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from experts.addresses import absolute_url
from experts.discovery import Choice
from experts.filters import Query
from experts.models import Expert, Organization

LONGEST_DESCRIPTION = 160  # letters; search engines cut what is longer


@dataclass(frozen=True)
class Metadata:
    """What the head of a page says. ``url``: the one address that the page is known by, whatever it was opened by.

    ``image_url``: a picture of 1200 × 630, "" without one. ``kind``: of the Open Graph protocol. ``is_indexed``:
    whether search engines should show it.
    """

    title: str
    description: str
    url: str
    image_url: str = ""
    kind: str = "website"
    is_indexed: bool = True


def of_expert(expert: Expert, session_type: str = "") -> Metadata:
    """Describe the page of an expert, whose organisation was read with it; of a type (its slug) that it shows."""
    url = absolute_url("expert", expert.slug)
    title = f"{expert.name}, {expert.headline}" if expert.headline else expert.name
    about = _("Book a time with %(name)s, %(organization)s.") % {
        "name": expert.name,
        "organization": expert.organization.name,
    }
    return Metadata(
        title=title,
        description=_short(f"{about} {expert.bio}"),
        url=f"{url}?{urlencode({'type': session_type})}" if session_type else url,
        image_url=absolute_url("share_card", expert.slug),
        kind="profile",
    )


def of_listing(
    query: Query, number: int, categories: Iterable[Choice], organization: Organization | Choice | None
) -> Metadata:
    """Describe a page of the list of experts. What somebody has looked for is nothing that others need to find."""
    category = next((choice for choice in categories if choice.slug == query.category), None)
    kept = {"category": query.category if category else "", "page": str(number) if number > 1 else ""}
    address = urlencode({name: value for name, value in kept.items() if value})
    if organization:
        url, title = absolute_url("organization", organization.slug), organization.name
    else:
        url, title = absolute_url("discover" if address else "home"), _("Book time with an expert")
    if category:
        title = f"{category.name} · {title}"
    if number > 1:
        title = _("%(title)s, page %(number)d") % {"title": title, "number": number}
    where = {"organization": organization.name} if organization else {}
    about = _("See what is free now at %(organization)s, pick a time, and book it.") if organization else ""
    about = about or _("See what is free now, pick a time, and book it with your name and email.")
    return Metadata(
        title=title,
        description=_short(f"{category.name}: {about % where}" if category else about % where),
        url=f"{url}?{address}" if address else url,
        image_url=absolute_url("organization_card", organization.slug) if organization else absolute_url("list_card"),
        is_indexed=not query.search and set(query.filters) <= {"organization"},
    )


def _short(text: str) -> str:
    return textwrap.shorten(text, LONGEST_DESCRIPTION, placeholder="…")
