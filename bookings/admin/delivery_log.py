"""Admin pages of what was sent (e-mails, webhooks): to read, and to send again; and buttons on the page of a row."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display

from bookings.errors import Refused
from experts.admin.base import ReadOnlyAdmin, ServiceAdmin, instant, label
from experts.permissions import CHANGE

# Given the page's admin and the row, does something; returns the row whose page comes next, and what to say there.
Button = Callable[[ServiceAdmin, Model], tuple[Model, str]]


class ButtonAdmin(ServiceAdmin):
    """Pages with buttons that do something with their row (POST): ``buttons`` maps the end of an address to a function.

    The address is named ``<app>_<model>_<name of the function>``. The page's context has ``may_act``.
    """

    buttons: dict[str, Button] = {}

    def get_urls(self):
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        ours = [
            path(f"<int:pk>/{end}/", self.admin_site.admin_view(self._view(act)), name=f"{name}_{act.__name__}")
            for end, act in self.buttons.items()
        ]
        return [*ours, *super().get_urls()]

    def _view(self, act: Button):
        @require_POST
        def view(request, pk):
            row = self.get_object(request, str(pk))
            if row is None:
                return self._get_obj_does_not_exist_redirect(request, self.opts, str(pk))
            if not self.may_act(request, row):
                raise PermissionDenied
            try:
                level, (row, text) = messages.SUCCESS, act(self, row)
            except Refused as refusal:
                level, text = messages.ERROR, str(refusal)
            self.message_user(request, text, level)
            return HttpResponseRedirect(
                reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
            )

        return view

    def may_act(self, request, row) -> bool:
        """Say whether the user may press the buttons of this row."""
        raise NotImplementedError

    def change_view(self, request, object_id, form_url="", extra_context=None):
        row = self.get_object(request, object_id)
        if row is not None and self.may_act(request, row):
            extra_context = {"may_act": True} | (extra_context or {})
        return super().change_view(request, object_id, form_url, extra_context)


class DeliveryLogAdmin(ReadOnlyAdmin, ButtonAdmin):
    """A log of what was sent: rows with ``created_at``, ``last_attempt_at`` and a ``status``, in ``colours``."""

    colours: dict[str, str] = {}
    change_form_template = "admin/sent.html"
    # As they happened: newest first, by the primary key.
    ordering = ("-id",)
    sortable_by = ()
    actions = ("send_again",)

    def send_row(self, row) -> str:
        """Send the row again, by a service. Returns what to say on its page. Raises Refused."""
        raise NotImplementedError

    def count_sent(self, number: int) -> str:
        """Say how many are sent again."""
        raise NotImplementedError

    def has_send_permission(self, request, obj=None):
        return self._has_right(request, CHANGE, obj)

    def may_act(self, request, row):
        return self.has_send_permission(request, row)

    @display(description=gettext_lazy("created"))
    def created(self, row):
        return instant(row.created_at)

    @display(description=gettext_lazy("last attempt"))
    def last_attempt(self, row):
        return instant(row.last_attempt_at) if row.last_attempt_at else None

    @display(description=gettext_lazy("status"))
    def status_label(self, row):
        return label(row.get_status_display(), self.colours[row.status])

    @admin.action(description=gettext_lazy("Send again"), permissions=["send"])
    def send_again(self, request, queryset):
        self.each(request, self.within(request, queryset, CHANGE), self.send_row, self.count_sent)

    def send_one_again(self, row):
        return row, self.send_row(row)

    buttons = {"send-again": send_one_again}
