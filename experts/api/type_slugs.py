"""Session types by the names that programs know them by."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from experts.errors import Invalid
from experts.models import Organization, SessionType


def type_ids(organization: Organization, slugs: Iterable[str]) -> list[int]:
    """Return the ids of types by their slugs. Raises Invalid, about "types", for one that there is not."""
    return list(type_ids_by_slug(organization, slugs).values())


def type_ids_by_slug(organization: Organization, slugs: Iterable[str]) -> dict[str, int]:
    """As ``type_ids``, by slug. No query without slugs."""
    wanted = set(slugs)
    if not wanted:
        return {}
    types = SessionType.objects.filter(organization=organization, slug__in=wanted)
    found = dict(types.values_list("slug", "pk"))
    if len(found) < len(wanted):
        raise Invalid(_("There is no such session type."), field="types")
    return found


def type_slugs(ids: Iterable[int]) -> dict[int, str]:
    """Return the slugs of types by their ids, of those that there still are. No query without ids."""
    wanted = set(ids)
    return dict(SessionType.objects.filter(pk__in=wanted).values_list("pk", "slug")) if wanted else {}
