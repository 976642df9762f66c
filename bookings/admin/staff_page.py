"""What pages of the admin have in common that belong to no model: an address, a place in the menu, who may see them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse

from experts.admin.scoping import may
from experts.permissions import VIEW


@dataclass(frozen=True)
class StaffPage:
    """A page at ``/admin/<route>``, with the URL name ``admin:<name>``, for those who have ``right`` to ``model``.

    It is part of the menu if it has an ``icon``; ``badge``, asked with the request, is what stands beside it there.
    Addresses below it are its ``parts``: (name, route, view) of each.
    """

    name: str
    route: str
    view: Callable[..., HttpResponse]
    title: str
    icon: str = ""
    model: str = "bookings.booking"
    right: str = VIEW
    badge: Callable[[HttpRequest], int | str | None] | None = None
    parts: tuple[tuple[str, str, Callable[..., HttpResponse]], ...] = field(default=())

    def is_for(self, request: HttpRequest) -> bool:
        return may(request, self.model, self.right)

    def urls(self, site: admin.AdminSite) -> list:
        every = ((self.name, self.route, self.view), *self.parts)
        return [path(route, site.admin_view(self._guarded(view)), name=name) for name, route, view in every]

    def menu_item(self, request: HttpRequest) -> dict:
        item = {
            "title": self.title,
            "icon": self.icon,
            "link": reverse(f"admin:{self.name}"),
            "permission": self.is_for,
        }
        # Worked out here: unfold would show an empty one, too.
        if self.badge and self.is_for(request) and (badge := self.badge(request)):
            item |= {"badge": badge, "badge_variant": "warning"}
        return item

    def _guarded(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if not self.is_for(request):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded


def render_page(request, template: str, title: str, context: dict, *, status: int = 200) -> TemplateResponse:
    """Return a page with the admin's frame around ``template``, which extends ``admin/base_site.html``."""
    request.current_app = admin.site.name
    frame = {**admin.site.each_context(request), "title": title, "subtitle": None}
    return TemplateResponse(request, template, frame | context, status=status)
