from importlib import import_module

from django.apps import AppConfig


class BookingsConfig(AppConfig):
    name = "bookings"

    def ready(self) -> None:
        # These register, in every process: the first two with experts.
        import_module("bookings.permissions")
        import_module("bookings.receivers")
        import_module("bookings.privacy.rooms")
