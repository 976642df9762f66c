"""Parts of a long form as tabs: sections of one form, with links to them (templates/admin/expert_form.html)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise


class Tab(NamedTuple):
    """What a tab shows: fieldsets by their place among those of the page, and a grid by its prefix, if any.

    ``key`` is its address on the page.
    """

    key: str
    label: str | Promise
    fieldsets: tuple[int, ...]
    grid: str = ""


class InTabs:
    """For an admin whose form is in ``tabs``: after saving, back to the one that one was on, which a script tells."""

    tabs: tuple[Tab, ...] = ()

    def response_post_save_change(self, request, obj):
        tab = request.POST.get("_tab", "")
        if tab in {each.key for each in self.tabs}:
            page = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change"
            return HttpResponseRedirect(f"{reverse(page, args=[obj.pk])}#{tab}")
        return super().response_post_save_change(request, obj)


@dataclass
class ShownTab:
    key: str
    label: str | Promise
    fieldsets: list[Any]
    formsets: list[Any]
    is_first: bool = False
    count: int = 0
    has_errors: bool = False
    picture: bool = False


def tabs_of(tabs: tuple[Tab, ...], fieldsets: list[Any], grids: dict[str, Any], *, pressed: bool) -> list[ShownTab]:
    """Return those of the tabs that have something to show. The first with an error is shown first."""
    shown = []
    for number, tab in enumerate(tabs):
        formset = grids.get(tab.grid)
        if tab.grid and formset is None and not tab.fieldsets:
            continue
        mine = [fieldsets[place] for place in tab.fieldsets]
        wrong = any(fieldset.form.errors.keys() & set(_names(fieldset)) for fieldset in mine)
        wrong |= formset is not None and formset.formset.total_error_count() > 0
        shown.append(
            ShownTab(
                tab.key,
                tab.label,
                mine,
                [] if formset is None else [formset],
                count=len(formset.formset.initial_forms) if formset is not None and tab.grid != "hours" else 0,
                has_errors=wrong,
                picture=not number,
            )
        )
    pressed_tab = (tab for tab in shown if pressed and any(grid.formset.prefix == "hours" for grid in tab.formsets))
    first = next((tab for tab in shown if tab.has_errors), None) or next(pressed_tab, shown[0])
    first.is_first = True
    return shown


def _names(fieldset: Any) -> list[str]:
    return [name for row in fieldset.fields for name in (row if isinstance(row, tuple | list) else [row])]
