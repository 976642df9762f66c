"""Pages for development, which bookingsite/urls.py includes only with DEBUG."""

from django.urls import path

from bookingsite.devserver import mailbox

urlpatterns = [
    path("", mailbox.mailbox, name="mailbox"),
    path("<str:key>/", mailbox.mail, name="mail"),
    path("<str:key>/html/", mailbox.html, name="mail_html"),
]
