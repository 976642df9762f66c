"""The operators' page: do all parts work, what waits, which jobs have failed, and what to do about them."""

import platform
from datetime import datetime, timedelta

import django
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.admin.staff_page import StaffPage, render_page
from bookings.errors import NotAllowed
from bookings.models import WorkerSign
from bookings.queue import REQUEST_ID
from bookings.selectors import operations
from bookings.services import jobs
from bookings.views.responses import see_other
from bookingsite import health
from bookingsite.version import version
from experts import formatting
from experts.admin.base import read_key
from experts.selectors import last_backup

# What a job is called in words, by the last part of its task's name; others are shown by that name.
_NAMES = {
    "send_booking_mail": gettext_lazy("E-mail about a booking"),
    "send_lookup_link": gettext_lazy("Link to bookings"),
    "send_waitlist_link": gettext_lazy("Link of the waitlist"),
    "send_waitlist_offer": gettext_lazy("Offer to somebody on a waitlist"),
    "send_rescue_offer": gettext_lazy("Offer of other times"),
    "serve_slot": gettext_lazy("Offers of a free seat"),
    "send_webhook_paused": gettext_lazy("E-mail about a paused webhook"),
    "send_test_mail": gettext_lazy("Test e-mail"),
    "deliver_webhook": gettext_lazy("Webhook"),
    "erase": gettext_lazy("Erasing of personal data"),
    "run_import": gettext_lazy("Import"),
    "remind": gettext_lazy("Reminders"),
    "catch_up": gettext_lazy("Catching up"),
    "recover": gettext_lazy("Jobs of dead workers"),
    "tidy_up": gettext_lazy("Tidying up"),
    "send_password_link": gettext_lazy("Link to a new password"),
    "send_invitation": gettext_lazy("Invitation"),
}
_QUEUES = {
    "mail": gettext_lazy("E-mails and links"),
    "expiry": gettext_lazy("Freeing seats"),
    "housekeeping": gettext_lazy("Housekeeping"),
    "webhooks": gettext_lazy("Webhooks"),
    "outbox": gettext_lazy("E-mails about bookings"),
}
_PARTS = {
    "database": gettext_lazy("Database"),
    "migrations": gettext_lazy("Migrations"),
    "channel layer": gettext_lazy("Live pages (Valkey)"),
    "refusals": gettext_lazy("Requests"),
    "workers": gettext_lazy("Workers"),
    "queues": gettext_lazy("Queues"),
}
_STATES = {
    "ready": (gettext_lazy("Everything works"), "well"),
    "degraded": (gettext_lazy("People can book, and something needs you"), "warn"),
    "down": (gettext_lazy("People cannot book"), "bad"),
}


class OperatorsPage(StaffPage):
    """A page for superusers alone."""

    def is_for(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


def operations_page(request: HttpRequest) -> HttpResponse:
    """Show how the site is, or do with a failed job what was chosen, and come back."""
    if request.method == "POST":
        return _act(request)
    now, found = timezone.now(), health.look()
    title, tone = _STATES[found.state]
    if found.state == "ready" and found.failed_jobs:
        title, tone = _("Everything works, and some jobs have failed"), "warn"
    if found.state == "degraded" and any(part.name == "refusals" and not part.is_well for part in found.parts):
        title, tone = _("Requests were refused in the last minute"), "bad"
    failed = operations.failed_jobs() if found.knows_queues else []
    context = {
        "state": {"title": title, "tone": tone},
        "parts": [_part(part, found) for part in found.parts],
        "queues": [_queue(queue) for queue in found.queues],
        "workers": [_worker(sign, now) for sign in found.workers],
        "failed": [_failed(job, now) for job in failed],
        "more_failed": max(found.failed_jobs - len(failed), 0),
        "facts": _facts(now),
        "now": formatting.clock(now, timezone.get_current_timezone()),
        "zone": formatting.zone_label(timezone.get_current_timezone(), now),
    }
    return render_page(request, "admin/operations.html", _("Operations"), context)


def _act(request: HttpRequest) -> HttpResponse:
    verb, _separator, number = request.POST.get("do", "").partition(":")
    act = {"retry": jobs.retry_failed, "aside": jobs.put_aside}.get(verb)
    key = read_key(number)
    if act is None or not key:
        raise Http404
    try:
        act(job_id=key)
    except NotAllowed:
        messages.warning(request, _("Somebody has done something with this job already."))
    else:
        done = {"retry": _("The job is tried again."), "aside": _("The job is put aside.")}
        messages.success(request, done[verb])
    return see_other(reverse("admin:operations"))


def _part(part: health.Part, found: health.Health) -> dict:
    why = _why(part, found)
    # Of the database and Valkey it is what the log says, too.
    return {"name": _PARTS[part.name], "why": why, "is_well": part.is_well, "is_code": why == part.why}


def _why(part: health.Part, found: health.Health) -> str:
    """What is wrong, in the words of operators: those of /readyz, but for names of queues."""
    if part.is_well:
        return ""
    if part.name == "workers" and found.knows_queues:
        idle = [str(_QUEUES[name]) for name in operations.queues_without_worker(found.workers)]
        return _("Nobody works: %(queues)s") % {"queues": formatting.listed(idle)}
    if part.name == "queues" and found.knows_queues:
        return _("Something waits for too long, see below.")
    return part.why


def _queue(queue: operations.Queue) -> dict:
    return {
        "name": _QUEUES.get(queue.name, queue.name),
        "waiting": queue.waiting,
        "age": _span(queue.age) if queue.waiting else "",
        "is_late": health.is_late(queue),
    }


def _worker(sign: WorkerSign, now: datetime) -> dict:
    names = [str(_QUEUES.get(name, name)) for name in sign.queues.split(",") if name]
    return {
        "name": sign.name,
        "queues": formatting.listed(names) if names else _("All queues"),
        "version": sign.version,
        "seen": _("%(span)s ago") % {"span": _span((now - sign.seen_at).total_seconds())},
        "is_silent": sign.is_silent,
    }


def _failed(job: operations.FailedJob, now: datetime) -> dict:
    zone = timezone.get_current_timezone()
    about = {name: value for name, value in job.arguments.items() if name != REQUEST_ID}
    short = job.task.rpartition(".")[2]
    return {
        "pk": job.pk,
        "name": _NAMES.get(short, short),
        "queue": _QUEUES.get(job.queue, job.queue),
        "about": ", ".join(f"{name} {value}" for name, value in sorted(about.items())),
        "request": job.arguments.get(REQUEST_ID, ""),
        "attempts": ngettext("%(count)d try", "%(count)d tries", job.attempts) % {"count": job.attempts},
        "at": formatting.lately(job.failed_at, zone, now) if job.failed_at else "",
        "kills": job.times >= jobs.MOST_DEATHS,
    }


def _facts(now: datetime) -> list[dict]:
    applied = health.applied_migrations()
    newest = {app: name for app, name in sorted(applied) if app in ("experts", "bookings")}
    backup = last_backup()
    zone = timezone.get_current_timezone()
    return [
        {"name": _("Version"), "value": version(), "is_code": True},
        {
            "name": _("Python and Django"),
            "value": f"{platform.python_version()}, {django.get_version()}",
            "is_code": True,
        },
        {"name": _("PostgreSQL"), "value": health.postgresql_version(), "is_code": True},
        {
            "name": _("Newest migrations"),
            "value": ", ".join(f"{app} {name}" for app, name in newest.items()),
            "is_code": True,
        },
        {
            "name": _("Last backup"),
            "value": formatting.lately(backup.finished_at, zone, now) if backup else _("None yet known"),
            "is_bad": backup is None or now - backup.finished_at > health.BACKUP_EVERY,
        },
    ]


def _span(seconds: float) -> str:
    if seconds < 120:
        return _("%(count)d s") % {"count": int(seconds)}
    return formatting.duration(timedelta(seconds=seconds))


PAGE = OperatorsPage(
    name="operations",
    route="operations/",
    view=operations_page,
    title=gettext_lazy("Operations"),
)
