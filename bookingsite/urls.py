from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from bookingsite import probes, sitemaps, views
from bookingsite.api import api
from bookingsite.onboarding import views as onboarding

urlpatterns = [
    path("api/v1/", api.urls),  # first, as in a rush it is asked most
    path("admin/", admin.site.urls),
    path("account/", include("bookingsite.accounts.urls")),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", probes.metrics_page, name="metrics"),
    path("robots.txt", sitemaps.robots, name="robots"),
    path("sitemap.xml", sitemaps.index, name="sitemap"),
    path("sitemap-<slug:kind>-<int:number>.xml", sitemaps.section, name="sitemap_section"),
    path("start/", onboarding.start, name="start"),
    path("start/invitation/<str:token>/", onboarding.invitation, name="invitation"),
    path("preferences/", views.preferences, name="preferences"),
    path("", include("experts.urls")),
    path("", include("bookings.urls")),
]
if settings.ANYMAIL.get("WEBHOOK_SECRET"):
    urlpatterns.append(path("mail/events/", include("bookingsite.mail_events")))
if settings.DEBUG:
    urlpatterns.append(path("dev/mailbox/", include("bookingsite.devserver.urls")))
handler400 = "bookingsite.errors.bad_request"
