"""What Express is asked to do, in Django and nothing else: its ORM, one middleware, a pool of ten connections.

Behind the server that the product's `web` uses; bench/peers/express/server.mjs has the same database.
"""

import json
import os

from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # says how long an answer is
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "NAME": os.environ["PGDATABASE"],
            "USER": os.environ["PGUSER"],
            "PASSWORD": os.environ["PGPASSWORD"],
            "OPTIONS": {"pool": {"min_size": 1, "max_size": 5, "timeout": 60}},  # of each of two processes
        }
    },
)

from django.core.wsgi import get_wsgi_application  # noqa: E402 (needs settings)
from django.db import models, transaction  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402

application = get_wsgi_application()


class Slot(models.Model):  # noqa: DJ008 (nobody reads it)
    capacity = models.IntegerField()
    booked = models.IntegerField()

    class Meta:
        app_label, db_table, managed = "peer", "slots", False


class Booking(models.Model):  # noqa: DJ008
    slot = models.ForeignKey(Slot, on_delete=models.CASCADE)
    name = models.TextField()
    email = models.TextField()
    status = models.TextField()

    class Meta:
        app_label, db_table, managed = "peer", "bookings", False


def book(request, slot_id):
    details = json.loads(request.body)
    if not (details.get("name") and details.get("email")):
        return JsonResponse({"error": "name and email are required"}, status=422)
    with transaction.atomic():
        slot = Slot.objects.select_for_update().filter(pk=slot_id).first()
        if slot is None:
            return JsonResponse({"error": "no such slot"}, status=404)
        if slot.booked >= slot.capacity:
            return JsonResponse({"error": "slot is full"}, status=409)
        booking = Booking.objects.create(slot=slot, name=details["name"], email=details["email"], status="CONFIRMED")
        slot.booked += 1
        slot.save(update_fields=["booked"])
    return JsonResponse({"reference": str(booking.pk), "status": "CONFIRMED"}, status=201)


urlpatterns = [path("api/slots/<int:slot_id>/book", book)]
