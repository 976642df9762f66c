from django.apps import AppConfig


class BookingsConfig(AppConfig):
    name = "bookings"

    def ready(self):
        from bookings import services  # noqa: F401 (they listen to changes of slots, in every process)
