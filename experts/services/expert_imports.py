"""Import experts out of a table (imports.py)."""

import re

from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from experts.models import Category, Expert, Organization
from experts.models.expert import LANGUAGES, Venue
from experts.services.experts import save_expert
from experts.services.imports import (
    MOST_SEATS,
    ImportColumn,
    ImportedLine,
    Outcome,
    Progress,
    RowError,
    normal,
    read_lines,
    write_lines,
)
from experts.services.slots import LONGEST_MINUTES
from experts.tables import Table

EXPERT_COLUMNS = (
    ImportColumn("name", gettext_lazy("Name"), "Dr Amara Okafor", required=True, aliases=("full name",)),
    ImportColumn(
        "address",
        gettext_lazy("The last part of the page’s address; made of the name if left empty"),
        "amara-okafor",
        aliases=("slug", "expert address"),
    ),
    ImportColumn("category", gettext_lazy("Category, by its name; the only one if left empty"), "Health"),
    ImportColumn("headline", gettext_lazy("One line below the name"), "Physiotherapist"),
    ImportColumn("about", gettext_lazy("What visitors read"), "", aliases=("bio",)),
    ImportColumn(
        "time zone",
        gettext_lazy("Such as Europe/London; the organisation’s if left empty"),
        "Europe/London",
        aliases=("timezone",),
    ),
    ImportColumn("languages", gettext_lazy("Codes such as en, de"), "en, de"),
    ImportColumn("minutes", gettext_lazy("Usual length of a session"), "30", aliases=("session minutes",)),
    ImportColumn("seats", gettext_lazy("Usual number of seats"), "1", aliases=("capacity",)),
    ImportColumn("place", gettext_lazy("in person, phone or video"), "in person", aliases=("venue",)),
    ImportColumn(
        "place note", gettext_lazy("Address, or how to join"), "12 Mill Lane, London", aliases=("venue note",)
    ),
    ImportColumn("city", gettext_lazy("City; the organisation’s if left empty"), "London"),
)


def import_experts(
    *, organization: Organization, table: Table, is_trial: bool, progress: Progress = lambda done: None
) -> Outcome:
    """Add the experts of a table to an organisation, all or none; a trial adds none. Returns what it (would have) done.

    An expert is there already if one of the organisation has that address, or without one that name. Raises Busy.
    """
    outcome = Outcome()
    lines = read_lines(table, EXPERT_COLUMNS, outcome)
    if outcome.errors:
        return outcome
    categories = list(Category.objects.all())
    own = Expert.objects.filter(organization=organization)
    slugs = set(own.values_list("slug", flat=True))
    names = {name.casefold() for name in own.values_list("name", flat=True)}

    def write(line: ImportedLine) -> bool:
        name = line.need(EXPERT_COLUMNS[0])
        slug = line["address"].strip("/").rpartition("/")[2].lower()
        if (slug in slugs) if slug else (name.casefold() in names):
            return False
        expert = Expert(
            organization=organization,
            category=_category(line, categories),
            name=name,
            slug=slug or slugify(name)[:80],
            headline=line["headline"],
            bio=line["about"],
            timezone=line["time zone"] or organization.timezone,
            languages=_languages(line),
            session_minutes=line.number_or("minutes", 30, LONGEST_MINUTES) or 30,
            default_capacity=line.number_or("seats", 1, MOST_SEATS) or 1,
            venue=_venue(line),
            venue_note=line["place note"],
            city=line["city"],
        )
        if not expert.slug:
            raise RowError(_("address is missing, and cannot be made of this name."))
        expert.full_clean(exclude=["organization", "category", "user"])
        save_expert(expert=expert)
        slugs.add(expert.slug)
        names.add(name.casefold())
        return True

    write_lines(lines, write, outcome, is_trial=is_trial, together=lambda line: None, progress=progress)
    return outcome


def _category(line: ImportedLine, categories: list[Category]) -> Category:
    wanted = line["category"].casefold()
    if not wanted and len(categories) == 1:
        return categories[0]
    for category in categories:
        if wanted in (category.name.casefold(), category.slug):
            return category
    names = ", ".join(category.name for category in categories[:20])
    raise RowError(_("category is none of these: %(names)s.") % {"names": names})


def _languages(line: ImportedLine) -> list[str]:
    codes = [code.lower() for code in re.split(r"[\s,;/]+", line["languages"]) if code]
    if unknown := [code for code in codes if code not in LANGUAGES]:
        raise RowError(_("“%(code)s” is no language that is offered here.") % {"code": unknown[0][:20]})
    return list(dict.fromkeys(codes))


def _venue(line: ImportedLine) -> str:
    wanted = normal(line["place"])
    if not wanted:
        return Venue.IN_PERSON
    for venue in Venue:
        if wanted in (venue.value, normal(str(venue.label)), venue.value.partition("_")[0]):
            return venue.value
    raise RowError(_("place is none of these: in person, phone, video."))
