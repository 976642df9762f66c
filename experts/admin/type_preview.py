"""The page between a change of session types and what it means: times before and after, and what does not fit."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experts.admin.offers import fit_in_words
from experts.admin.preview_sections import Row, Section
from experts.models import Expert
from experts.scheduling.type_plan import OfferChange, TypePlan

MOST_ROWS = 50


def type_sections(plan: TypePlan) -> list[Section]:
    """What the plan means, worst first. Only what happens at all."""
    never = [change for change in plan.changes if change.fit is not None and change.fit.never]
    wasteful = [change for change in plan.changes if change.fit is not None and change.fit.wastes]
    counted = [change for change in plan.changes if change.starts_before is not None]
    sections = [
        _fits(
            _("Never fits"), _("Nobody could book it there. Change the minutes, or the hours of these experts."), never
        ),
        _fits(_("Loses time"), _("It can be booked, and minutes stay empty that nobody can use."), wasteful),
        _experts(
            _("Asked what it is for from now on"),
            _("Until now people book the slots of these experts as they are. From now on they choose a type first."),
            plan.begin,
        ),
        _experts(
            _("Booked as they are from now on"),
            _("These experts offer no type any more: people book their slots as they are."),
            plan.end,
        ),
        Section(
            _("Times that can be booked"),
            _("Starts in the next two weeks, before and after."),
            len(counted),
            [Row(_name(change), _starts(change)) for change in counted],
            _more(len(plan.changes) - len(counted)),
            shown=_("%(before)d → %(after)d")
            % {
                "before": sum(change.starts_before for change in counted),
                "after": sum(change.starts_after for change in counted),
            },
        ),
        Section(
            _("Booked sessions that stay as they are"),
            _("What people have booked keeps its minutes, price and place. Nobody gets a message."),
            plan.booked,
            [],
        ),
    ]
    return [section for section in sections if section.count]


def _fits(title: str, note: str, changes: list[OfferChange]) -> Section:
    return Section(title, note, len(changes), [Row(_name(change), fit_in_words(change.fit)) for change in changes])


def _experts(title: str, note: str, experts: list[Expert]) -> Section:
    rows = [Row(expert.name, "") for expert in experts[:MOST_ROWS]]
    return Section(title, note, len(experts), rows, _more(len(experts) - len(rows)))


def _more(count: int) -> str:
    return ngettext("and %(count)d more", "and %(count)d more", count) % {"count": count} if count else ""


def _name(change: OfferChange) -> str:
    return _("%(expert)s, %(type)s") % {"expert": change.expert.name, "type": change.session_type.name}


def _starts(change: OfferChange) -> str:
    if change.starts_before and not change.starts_after:
        return _("%(before)d before, none after") % {"before": change.starts_before}
    numbers = {"before": change.starts_before, "after": change.starts_after}
    return _("%(before)d before, %(after)d after") % numbers
