"""The addresses of a site that was started with DEBUG, which the tests' own is not."""

from django.urls import include, path

from bookingsite.urls import handler400
from bookingsite.urls import urlpatterns as without_debug

__all__ = ["handler400"]
urlpatterns = [*without_debug, path("dev/mailbox/", include("bookingsite.devserver.urls"))]
