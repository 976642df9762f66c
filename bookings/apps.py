from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BookingsConfig(AppConfig):
    name = "bookings"
    verbose_name = _("Bookings")

    def ready(self) -> None:
        # These register, in every process: the first two with experts.
        import_module("bookings.permissions")
        import_module("bookings.receivers")
        import_module("bookings.privacy.rooms")
