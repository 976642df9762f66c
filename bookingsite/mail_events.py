"""Where mail services tell what became of mails: ``/mail/events/<service>/tracking/``, by django-anymail's views.

They ask for the secret (MAIL_EVENTS_SECRET), and check signatures where the service makes any.
"""

from anymail import urls

urlpatterns = [address for address in urls.urlpatterns if str(address.name).endswith("_tracking_webhook")]
