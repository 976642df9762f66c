from importlib import import_module

from django.apps import AppConfig


class BookingsConfig(AppConfig):
    name = "bookings"

    def ready(self) -> None:
        # Both register with experts, in every process.
        import_module("bookings.permissions")
        import_module("bookings.receivers")
