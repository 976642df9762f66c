"""The admin site: its name and look, what its menu offers, and a content security policy of its own."""

from urllib.parse import urlencode

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import logout
from django.core.paginator import Paginator
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.dataclasses import SearchResult
from unfold.sites import UnfoldAdminSite

from bookings.models import Booking
from bookings.references import read_reference
from bookings.selectors.people import find_people
from bookings.views.responses import see_other
from bookingsite.accounts import sessions
from experts.models import Expert, SendingHeld
from experts.permissions import reach_of

# Why each is needed: docs/decisions/0006-admin-with-unfold.md. Scripts and style sheets come from this site alone.
POLICY = csp_replace(
    {
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src-elem": [SELF],
        "style-src-attr": [UNSAFE_INLINE],
    }
)
FOUND = 8
MOST_LOOKED_AT = 300  # experts of a name that thousands share, of whom the first by name are shown


class AutocompleteView(AutocompleteJsonView):
    """Suggestions by the names that people know things by."""

    def serialize_result(self, obj, to_field_name):
        result = super().serialize_result(obj, to_field_name)
        if name_of := getattr(self.model_admin, "name_of", None):
            result["text"] = name_of(obj)
        return result


class AdminSite(UnfoldAdminSite):
    index_title = ""

    def __init__(self, name="admin"):
        super().__init__(name)
        self.pages = []
        self.live_of = lambda request: None

    def add_pages(self, pages) -> None:
        """Register pages that belong to no model (bookings/admin/staff_page.py), in the order of the menu."""
        self.pages.extend(pages)

    def make_lists_live(self, live_of) -> None:
        """Register what tells of a request what an open list needs to hear of changes (admin/_staff_live.html)."""
        self.live_of = live_of

    def get_urls(self):
        pages = [url for page in self.pages for url in page.urls(self)]
        # Without Django's way from a row to its page: no row of ours has one, and it reads tables that there are not.
        return [*pages, *(url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site")]

    def admin_view(self, view, cacheable=False):
        return POLICY(super().admin_view(view, cacheable))

    def index(self, request, extra_context=None):
        """Lead to the day whoever may see bookings, an expert to the own one; others see that nothing is for them."""
        if reach_of(request.user).is_experts_only:
            return redirect("admin:my_day")
        if self.get_model_admin(Booking).has_view_permission(request):
            return redirect("admin:day")
        return super().index(request, extra_context)

    def login(self, request, extra_context=None):
        """Lead on to the page where staff log in, and back to where they wanted to go on this site."""
        if request.user.is_authenticated and not self.has_permission(request):
            logout(request)  # they may no longer enter: the page could only lead them back here
        wanted = request.POST.get("next") or request.GET.get("next") or reverse("admin:index")
        return redirect(f"{reverse('account_login')}?{urlencode({'next': wanted})}")

    @method_decorator(require_POST)
    def logout(self, request, extra_context=None):
        logout(request)
        return see_other(reverse("account_login"))

    def password_change(self, request, extra_context=None):
        return redirect("account_change_password")

    def password_change_done(self, request, extra_context=None):
        return redirect("account")

    def autocomplete_view(self, request):
        return AutocompleteView.as_view(admin_site=self)(request)

    def each_context(self, request):
        # The colours are in static/css/admin.css: unfold would write them into the page, as an inline style.
        context = super().each_context(request) | {"colors": None}
        session = sessions.staff_session(request) if request.user.is_authenticated else None
        if session and session.is_sending_held:
            context["sending_held"] = SendingHeld.objects.first()
        return context

    def search(self, request, extra_context=None):
        """Pages, experts, people who booked, and a booking by its reference.

        Unfold's own search keeps what it found in the cache.
        """
        text = request.GET.get("s", "").strip()[:100]
        results = self._find(request, text) if text else []
        extended = "extended" in request.GET
        context = {
            "page_obj": Paginator(results, 100),
            "results": Paginator(results, 100).page(1),
            "page_counter": 0,
            "execution_time": 0,
            "command_show_history": False,
        }
        template = "command_results" if extended else "search_results"
        return TemplateResponse(request, f"unfold/helpers/{template}.html", context, headers={"HX-Trigger": "search"})

    def _find(self, request, text: str) -> list[SearchResult]:
        results = self._search_apps(self.get_app_list(request), text.lower())
        bookings, experts = self.get_model_admin(Booking), self.get_model_admin(Expert)
        if bookings.has_view_permission(request):
            for booking in bookings.get_queryset(request).filter(reference=read_reference(text)):
                url = reverse("admin:bookings_booking_change", args=[booking.pk])
                results.append(SearchResult(booking.reference, _("Booking"), url, "event_available"))
            for person in find_people(bookings.get_queryset(request), text):
                url = f"{reverse('admin:bookings_booking_changelist')}?{urlencode({'person': person.pk})}"
                about = [person.in_words, person.no_shows_in_words, person.phone_end or person.email]
                results.append(SearchResult(person.name, ", ".join(filter(None, about)), url, "person_search"))
        if experts.has_view_permission(request):
            # Not in their order: PostgreSQL would walk along all experts by name until it has found as many.
            found = experts.get_queryset(request).matching(text).order_by().values_list("name", "pk")
            for name, pk in sorted(found[:MOST_LOOKED_AT])[:FOUND]:
                url = reverse("admin:experts_expert_change", args=[pk])
                results.append(SearchResult(name, _("Expert"), url, "person"))
        return results


# What settings.UNFOLD names: called for each page, as addresses of static files are known late.


def logo(request):
    return static("favicon.svg")


def stylesheet(request):
    return static("css/admin.css")


def script(request):
    return static("js/admin.js")


def environment(request):
    return [_("Development"), "warning"] if settings.DEBUG else None


def account_links(request):
    """In the menu of one's own name."""
    return [{"title": _("Your account"), "link": reverse("account")}]


def navigation(request):
    """The menu. An entry is shown to those who may see its page."""
    held = reverse("admin:bookings_booking_held")  # below the address of the bookings, with an entry of its own

    def item(title, icon, app, model, page="changelist"):
        link = reverse(f"admin:{app}_{model}_{page}")
        return {
            "title": title,
            "icon": icon,
            "link": link,
            "active": lambda request: request.path.startswith(link) and (link == held or request.path != held),
            # A function: unfold copies the menu with all that is in it, and nobody can copy a page of the admin.
            "permission": lambda request: admin.site.get_model_admin(apps.get_model(app, model)).has_view_permission(
                request
            ),
        }

    groups = [
        (
            _("Work"),
            [
                *(page.menu_item(request) for page in admin.site.pages if page.icon),
            ],
        ),
        (
            _("Calendar"),
            [
                item(_("Bookings"), "event_available", "bookings", "booking"),
                item(_("Slots"), "calendar_clock", "experts", "slot"),
                item(_("Waitlist"), "notifications", "bookings", "waitlistentry"),
                item(_("Time off"), "beach_access", "experts", "timeoff"),
                item(_("E-mails"), "mail", "bookings", "notification"),
                item(_("Turned away"), "event_busy", "bookings", "turnedaway"),
                item(_("Calendar feeds"), "rss_feed", "bookings", "calendarfeed"),
                item(_("Held and unproven"), "hourglass_top", "bookings", "booking", page="held"),
                item(_("Blocks"), "block", "bookings", "block"),
            ],
        ),
        (
            _("People"),
            [
                item(_("Experts"), "group", "experts", "expert"),
                item(_("Session types"), "category_search", "experts", "sessiontype"),
                item(_("Categories"), "category", "experts", "category"),
            ],
        ),
        (
            _("Organisation"),
            [
                item(_("Organisations"), "apartment", "experts", "organization"),
                item(_("Questions"), "quiz", "bookings", "question"),
                item(_("Members"), "badge", "experts", "membership"),
                item(_("Invitations"), "mail", "experts", "invitation"),
                item(_("Sign-ins"), "login", "experts", "signin"),
                item(_("Notes read"), "visibility", "bookings", "notereading"),
                item(_("Exports"), "download", "experts", "exportlog"),
                item(_("Webhooks"), "webhook", "bookings", "webhookendpoint"),
                item(_("Sent webhooks"), "send", "bookings", "webhookdelivery"),
                item(_("API tokens"), "key", "bookings", "apitoken"),
                item(_("Personal data"), "shield_person", "bookings", "erasure"),
            ],
        ),
        (
            _("Accounts"),
            [item(_("Users"), "account_circle", "experts", "user"), item(_("Groups"), "groups", "auth", "group")],
        ),
        (
            _("Site"),
            [
                page.menu_item(request) | {"icon": "monitor_heart"}
                for page in admin.site.pages
                if page.name == "operations"
            ],
        ),
    ]
    return [{"title": title, "items": items, "separator": number > 0} for number, (title, items) in enumerate(groups)]
