"""The page between a change of session types and what it means: times before and after, and what does not fit."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experts.admin.offers import fit_in_words
from experts.admin.preview_sections import Row, Section
from experts.models import Expert
from experts.scheduling.type_plan import OfferChange, TogetherChange, TypePlan

MOST_ROWS = 50


def type_sections(plan: TypePlan) -> list[Section]:
    """What the plan means, worst first. Only what happens at all."""
    never = [change for change in plan.changes if change.fit is not None and change.fit.never]
    wasteful = [change for change in plan.changes if change.fit is not None and change.fit.wastes]
    counted = [change for change in plan.changes if change.starts_before is not None]
    missing = [each for each in plan.together if each.experts < each.needed_after]
    joined = [each for each in plan.together if each.needed_before == 1 and each.needed_after == 2]
    parted = [each for each in plan.together if each.needed_before == 2 and each.needed_after == 1]
    same = [each for each in plan.together if each not in joined + parted]
    sections = [
        Section(
            _("Too few experts"),
            _("It takes two together. Until a second one offers it, nobody can book it."),
            len(missing),
            [Row(each.session_type.name, _offered_by(each)) for each in missing],
        ),
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
        _times(
            _("Two experts together from now on"),
            _(
                "One booking takes the time of two, with the minutes and the price of the type. It is booked on the "
                "page of the type, and not on those of its experts any more. Times in the next two weeks, before and "
                "after."
            ),
            [],
            joined,
        ),
        _times(
            _("One expert from now on"),
            _(
                "It is booked on the experts’ own pages, too, with the minutes and the price of each. Times in the "
                "next two weeks at which somebody is free, before and after."
            ),
            [],
            parted,
        ),
        _times(
            _("Times that can be booked"),
            _("Starts in the next two weeks, before and after."),
            counted,
            same,
            _more(sum(not _is_of_two(change, plan) for change in plan.changes) - len(counted)),
        ),
        Section(
            _("Booked sessions that stay as they are"),
            _("What people have booked keeps its minutes, price and place. Nobody gets a message."),
            plan.booked,
            [],
        ),
    ]
    return [section for section in sections if section.count]


def _times(
    title: str, note: str, changes: list[OfferChange], together: list[TogetherChange], more: str = ""
) -> Section:
    counted = [*changes, *together]
    rows = [Row(_name(change), _starts(change)) for change in changes]
    rows += [Row(_together(change), _starts(change)) for change in together]
    before, after = (sum(getattr(each, name) for each in counted) for name in ("starts_before", "starts_after"))
    shown = _("%(before)d → %(after)d") % {"before": before, "after": after}
    return Section(title, note, len(counted), rows, more, shown=shown)


def _fits(title: str, note: str, changes: list[OfferChange]) -> Section:
    return Section(title, note, len(changes), [Row(_name(change), fit_in_words(change.fit)) for change in changes])


def _experts(title: str, note: str, experts: list[Expert]) -> Section:
    rows = [Row(expert.name, "") for expert in experts[:MOST_ROWS]]
    return Section(title, note, len(experts), rows, _more(len(experts) - len(rows)))


def _more(count: int) -> str:
    return ngettext("and %(count)d more", "and %(count)d more", count) % {"count": count} if count else ""


def _name(change: OfferChange) -> str:
    return _("%(expert)s, %(type)s") % {"expert": change.expert.name, "type": change.session_type.name}


def _together(change: TogetherChange) -> str:
    if change.needed_before != change.needed_after and change.needed_before:
        return change.session_type.name
    return _("%(type)s, two experts together") % {"type": change.session_type.name}


def _offered_by(change: TogetherChange) -> str:
    count = change.experts
    return ngettext("%(count)d expert offers it", "%(count)d experts offer it", count) % {"count": count}


def _is_of_two(change: OfferChange, plan: TypePlan) -> bool:
    return any(each.session_type.pk == change.session_type.pk for each in plan.together)


def _starts(change: OfferChange | TogetherChange) -> str:
    if change.starts_before and not change.starts_after:
        return _("%(before)d before, none after") % {"before": change.starts_before}
    numbers = {"before": change.starts_before, "after": change.starts_after}
    return _("%(before)d before, %(after)d after") % numbers
