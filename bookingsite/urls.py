from django.contrib import admin
from django.urls import include, path

from bookingsite import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("preferences/", views.preferences, name="preferences"),
    path("", include("experts.urls")),
    path("", include("bookings.urls")),
]
handler400 = "bookingsite.errors.bad_request"
