"""Show everybody in the admin their own part, by the table of experts/permissions.py.

A page that does not say to whom its rows belong (``Scoped``) is for superusers only.
"""

from collections.abc import Iterable
from functools import reduce
from itertools import product
from typing import Any

from django.contrib.admin.exceptions import NotRegistered
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db.models import Field, Model, Q, QuerySet
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from experts.models import Organization, User
from experts.permissions import ADD, ALL, CHANGE, DELETE, VIEW, Reach, reach_of


def reach(request) -> Reach:
    """The reach of whoever asks, read once for each request: a membership that ended counts no more at once."""
    if not hasattr(request, "_reach"):
        request._reach = reach_of(request.user)
    return request._reach


def only_organization(request) -> dict[str, int]:
    """The one to choose in a form when there is no choice: of those in which they work, or of all that there are."""
    mine = frozenset().union(*reach(request).organizations.values())
    if reach(request).everything:
        mine = frozenset(Organization.objects.order_by().values_list("pk", flat=True)[:2])
    return {"organization": next(iter(mine))} if len(mine) == 1 else {}


def may(request, label: str, right: str) -> bool:
    """Whether they may do that with a model ("bookings.booking") anywhere at all."""
    mine = reach(request)
    return mine.everything or any(mine.with_right(label, right))


class Scoped:
    """A page of the admin, or an inline of one, that shows everybody their own part.

    ``organization_path`` leads from a row to the key of its organisation, ``person_path`` to the key of its expert's
    user; without the latter the role "expert" reaches no row. Rows that belong to an organisation in one of several
    ways have several paths, as have rows of two experts together. ``shared`` rows belong to all organisations. With
    neither, the page is for superusers only. ``listed_by``: a column of the rows themselves that says the same as
    ``organization_path``, by which lists have an index.
    """

    organization_path: str | tuple[str, ...] = ()
    person_path: str | tuple[str, ...] = ""
    shared = False
    listed_by = ""

    def within(self, request, rows: QuerySet, right: str = VIEW, *, label: str = "") -> QuerySet:
        """Those of the rows to which they have ``right``; with ``label``, that right to the model of that name."""
        mine = reach(request)
        if mine.everything:
            return rows
        everywhere, own = mine.with_right(label or self.opts.label_lower, right)
        if self.shared:
            return rows if everywhere or own else rows.none()
        if not self._organization_paths:
            return rows.none()
        condition = self._in_one_of({f"{self.listed_by or path}__in": everywhere} for path in self._organization_paths)
        if own and self._person_paths:
            ways = product(self._organization_paths, self._person_paths)
            condition |= self._in_one_of({f"{path}__in": own, person: mine.user_id} for path, person in ways)
        return rows.filter(condition)

    def _in_one_of(self, ways: Iterable[dict[str, Any]]) -> Q:
        """Rows of which one of these is true."""
        ways = list(ways)
        if len(ways) == 1:
            return Q(**ways[0])
        first, *others = (self.model._default_manager.order_by().filter(**way).values("pk") for way in ways)
        # A union rather than an OR: each branch has its index. As an array, which PostgreSQL makes once: else it may
        # ask for all of them again for each row of a list.
        return Q(pk__any_of=ArraySubquery(first.union(*others, all=True)))

    @property
    def _person_paths(self) -> tuple[str, ...]:
        paths = self.person_path
        return paths if isinstance(paths, tuple) else (paths,) if paths else ()

    @property
    def _organization_paths(self) -> tuple[str, ...]:
        return (self.organization_path,) if isinstance(self.organization_path, str) else self.organization_path

    def reaches(self, request, obj: Model, right: str = VIEW, *, label: str = "") -> bool:
        """As ``within``, for one object as it is in memory."""
        mine = reach(request)
        if mine.everything:
            return True
        everywhere, own = mine.with_right(label or self.opts.label_lower, right)
        if self.shared:
            return bool(everywhere or own)
        organizations = {_follow(obj, path) for path in self._organization_paths} - {None}
        if not organizations:
            return False
        if organizations <= everywhere:
            return True
        is_own = any(_follow(obj, path) == mine.user_id for path in self._person_paths)
        return is_own and organizations <= everywhere | own

    def _has_right(self, request, right: str, obj) -> bool:
        if not (self.shared or self.organization_path or reach(request).everything):
            return False
        if obj is None:
            return may(request, self.opts.label_lower, right)
        if not isinstance(obj, Model):  # unfold asks with a key out of the address
            obj = self.get_object(request, obj)
            return obj is not None and self._has_right(request, right, obj)
        # An inline is asked about the object that it is part of.
        page = self if isinstance(obj, self.model) else self.admin_site.get_model_admin(type(obj))
        return page.reaches(request, obj, right, label=self.opts.label_lower)

    def has_view_permission(self, request, obj=None):
        return self._has_right(request, VIEW, obj)

    def has_add_permission(self, request, obj=None):
        return self._has_right(request, ADD, obj)

    def has_change_permission(self, request, obj=None):
        return self._has_right(request, CHANGE, obj)

    def has_delete_permission(self, request, obj=None):
        return self._has_right(request, DELETE, obj)

    def has_module_permission(self, request):
        return self.has_view_permission(request)

    def get_queryset(self, request):
        return self.within(request, super().get_queryset(request))

    # What can be chosen in a form

    def get_form(self, request, obj=None, change=False, **kwargs):
        request._form_right = CHANGE if obj else ADD
        return super().get_form(request, obj, change=change, **kwargs)

    def choices_within(self, request, db_field: Field, rows: QuerySet) -> QuerySet:
        """What they may choose for a field: of organisations in which they may save the form. Others look unknown."""
        if reach(request).everything:
            return rows
        try:
            page = self.admin_site.get_model_admin(db_field.remote_field.model)
        except NotRegistered:
            return rows.none()
        if not isinstance(page, Scoped):
            return rows.none()
        right = getattr(request, "_form_right", CHANGE)
        if page.shared:
            return page.within(request, rows)
        return page.within(request, rows, right, label=self.opts.label_lower)

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None:
            field.queryset = self.choices_within(request, db_field, field.queryset)
        return field

    def formfield_for_manytomany(self, db_field, request, **kwargs):
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None:
            field.queryset = self.choices_within(request, db_field, field.queryset)
        return field

    def save_form(self, request, form, change):
        """The last word, whatever the form offered: nothing is saved into what is not theirs."""
        obj = super().save_form(request, form, change)
        if not self.reaches(request, obj, CHANGE if change else ADD):
            raise PermissionDenied
        return obj

    # What can be asked of a list

    def lookup_allowed(self, lookup, value, request=None):
        """Not what others refer to a row with: that would tell of rows that belong to somebody else. And nothing that
        an account holds: a password's hash could be asked for letter by letter.
        """
        return not _leads_astray(self.model, lookup) and super().lookup_allowed(lookup, value, request)

    def response_action(self, request, queryset):
        """Of the rows that were selected, those to which they have the right that the action asks for."""
        actions = self.get_actions(request)
        for name in request.POST.getlist("action"):
            for right in getattr(actions.get(name, (None,))[0], "allowed_permissions", ()):
                if right in ALL:
                    queryset = self.within(request, queryset, right)
        return super().response_action(request, queryset)


class WithinReach(AutocompleteSelectFilter):
    """A filter by something that is made elsewhere. It names only what one may see, whatever the address asks for."""

    def choices(self, changelist):
        page = self.model_admin.admin_site.get_model_admin(self.field.remote_field.model)
        for choice in super().choices(changelist):
            choice["form"].fields[self.lookup_kwarg].queryset = page.get_queryset(self.request)
            yield choice


def _follow(obj: Model, path: str):
    return reduce(lambda at, name: getattr(at, name, None), path.split("__"), obj)


def _leads_astray(model: type[Model], lookup: str) -> bool:
    """Whether it goes backwards, or from something else into what an account holds."""
    started_at = model
    for name in lookup.split("__"):
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            return False
        if field.auto_created and not field.concrete:
            return True
        if model is User is not started_at and not field.primary_key:
            return True
        if not field.is_relation:
            return False
        model = field.related_model
    return False
