"""Make the tables, 100 staff with a service each, and clients who are logged in. Runs in the peer's own environment.

    python prepare.py 3000

Prints, as JSON, as many things to book: service, staff, day, time and end, all free, and the cookie of a client.
"""

import json
import os
import sys
from datetime import date, time, timedelta
from typing import Any

import django

STAFF, FIRST_HOUR, A_DAY = 100, 9, 16  # 16 half hours from 9:00


def main(count: int) -> None:
    from appointment.models import Service, StaffMember, WorkingHours
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("makemigrations", "appointment", verbosity=0)  # the package brings none; its quick start says so
    call_command("migrate", interactive=False, verbosity=0)
    User = get_user_model()
    pairs = []
    for number in range(STAFF):
        user = User.objects.create(username=f"staff{number}", first_name="Expert", last_name=f"Number{number}")
        service = Service.objects.create(name=f"Session {number}", duration=timedelta(minutes=30), price=0)
        staff = StaffMember.objects.create(user=user, slot_duration=30, work_on_saturday=True, work_on_sunday=True)
        staff.services_offered.add(service)
        WorkingHours.objects.bulk_create(
            WorkingHours(staff_member=staff, day_of_week=day, start_time=time(FIRST_HOUR), end_time=time(18))
            for day in range(7)
        )
        pairs.append((service.pk, staff.pk))
    clients = User.objects.bulk_create(
        User(username=f"client{number}", email=f"client{number}@example.com", password="!") for number in range(count)
    )
    print(json.dumps([_item(number, client, pairs) for number, client in enumerate(clients)]))  # noqa: T201


def _item(number: int, client: Any, pairs: list[tuple[int, int]]) -> dict[str, Any]:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    service, staff = pairs[number % STAFF]
    days, half_hours = divmod(number // STAFF, A_DAY)
    begins = time(FIRST_HOUR + half_hours // 2, 30 * (half_hours % 2))
    ends = time(FIRST_HOUR + (half_hours + 1) // 2, 30 * ((half_hours + 1) % 2))
    session = SessionStore()
    session[SESSION_KEY] = str(client.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = client.get_session_auth_hash()
    session.create()
    return {
        "service": service,
        "staff": staff,
        "day": f"{date.today() + timedelta(days=2 + days)}",
        "time": f"{begins}",
        "end": f"{ends}",
        "cookies": {"sessionid": session.session_key},
    }


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "appointments.settings"
    django.setup()
    main(int(sys.argv[1]))
