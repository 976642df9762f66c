"""Bookings in the admin: found, read, corrected, and made for somebody on the phone."""

from collections.abc import Sequence
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from bookings import services
from bookings.admin.answer_fields import answers_typed
from bookings.admin.booking_actions import DecidingAdmin
from bookings.admin.booking_export import WithBookingExport
from bookings.admin.booking_filters import CountedFilter, DaysOfOurs, OfPerson, TakingSlot, UntypedFilter, WithExpert
from bookings.admin.booking_questions import AskingAdmin
from bookings.admin.notifications import COLOURS as MAIL_COLOURS
from bookings.admin.origins import OriginsAdmin
from bookings.errors import NotFound, SlotTaken
from bookings.forms import new_key
from bookings.models import Booking, Notification, Question, Source, Status
from bookings.permissions import may_read_notes, readable_answers
from bookings.question_fields import field_name
from bookings.references import read_reference
from bookings.selectors.alternatives import Conflict
from bookings.selectors.answers import answers_to
from bookings.selectors.booking_search import found_among
from bookings.selectors.place import whole_place
from experts.admin.base import SeatsForm, ServiceAdmin, instant, label, without_menu
from experts.admin.live_list import LiveList
from experts.admin.report_filters import of_experts, of_organization
from experts.admin.scoping import WithinReach, may, reach
from experts.models import OfferedType, SessionType, Slot
from experts.permissions import ADD, VIEW

COLOURS = {
    Status.HELD: "info",
    Status.PENDING: "warning",
    Status.CONFIRMED: "success",
    Status.COMPLETED: "info",
    Status.NO_SHOW: "danger",
    Status.CANCELLED: "default",
    Status.REJECTED: "default",
    Status.EXPIRED: "default",
}


class BookingForm(SeatsForm):
    """Who the booking is for, and for a new one the slot and a one-time key against a double click."""

    key = forms.CharField(label="", widget=forms.HiddenInput, max_length=200, required=False, initial=new_key)

    class Meta:
        model = Booking
        fields = ("slot", "session_type", "seats", "name", "email", "phone", "notes")
        help_texts = {"email": gettext_lazy("Without one, nobody gets a confirmation.")}

    questions: Sequence[Question] = ()  # what is asked, each with a field of its own

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            self.fields["name"].required = True
        if self.instance.phone:
            self.initial["phone"] = self.instance.phone_shown


def _types_to_book(request):
    """The session types of all organisations in which they may book for somebody; of experts, what they offer."""
    types, mine = SessionType.objects.active().select_related("organization"), reach(request)
    if mine.everything:
        return types
    everywhere, own = mine.with_right("bookings.booking", ADD)
    offered = OfferedType.objects.filter(expert__organization__in=own, expert__user=mine.user_id)
    return types.filter(Q(organization__in=everywhere) | Q(pk__in=offered.values("session_type")))


@admin.register(Booking)
class BookingAdmin(LiveList, WithBookingExport, OriginsAdmin, DecidingAdmin, AskingAdmin, ServiceAdmin):
    form = BookingForm
    organization_path = "slot__expert__organization_id"
    listed_by = "of_organization_id"
    person_path = ("slot__expert__user_id", "second_expert__user_id")
    has_events = True
    list_display = ("reference", "person", "when", "expert_and_session", "status_label", "seats", "source")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("slot__expert", WithExpert),
        ("session_type", WithinReach),
        ("slot__date", DaysOfOurs),
        ("source", ChoicesDropdownFilter),
        TakingSlot,
        OfPerson,
        CountedFilter,
        UntypedFilter,
        of_experts("slot__expert"),
        of_organization("slot__expert__organization"),
    )
    search_fields = ("reference", "name", "email")
    search_help_text = gettext_lazy("Reference, name, e-mail or phone")
    # As they were made. The primary key has an index; the time they were made at has none.
    ordering = ("-id",)
    sortable_by = ("reference",)
    autocomplete_fields = ("slot",)
    actions = ("approve", "reject", "cancel", "complete", "no_show", "undo", "release")
    actions_detail = ("show_mails",)
    add_fieldsets = (
        (
            None,
            {
                "fields": ("slot", "seats", "name", "email", "phone", "notes", "key"),
                "description": gettext_lazy(
                    "For somebody on the phone or at the desk. The same rules hold as on the site."
                ),
            },
        ),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "reference",
                    "status_label",
                    "when_long",
                    "expert",
                    "slot_link",
                    "seats",
                    "runs_out",
                    "outside_rules",
                    "cancel_reason",
                    "message",
                )
            },
        ),
        (gettext_lazy("Person"), {"fields": ("name", "email", "phone", "notes")}),
        (gettext_lazy("Answers"), {"fields": ("answers",)}),
        (
            gettext_lazy("Request"),
            {"fields": ("source", "created", "asked_because", "last_mail", "language", "timezone")},
        ),
    )
    _fixed = (
        "reference",
        "status_label",
        "when_long",
        "session",
        "price",
        "place",
        "expert",
        "slot_link",
        "seats",
        "runs_out",
        "outside_rules",
        "cancel_reason",
        "message",
        "source",
        "created",
        "asked_because",
        "last_mail",
        "language",
        "timezone",
    )

    def get_queryset(self, request):
        return super().get_queryset(request).with_slot()

    def get_search_results(self, request, queryset, search_term):
        """A whole reference; else the beginning of words of names or of addresses, or the end of a phone number."""
        # Some names could be references, too: Margaret has eight such letters.
        reference = read_reference(search_term)
        if reference and (found := queryset.filter(reference=reference)).exists():
            return found, False
        if getattr(request, "exports_list", False):  # all of it
            return queryset.matching(search_term), False
        found = found_among(queryset, search_term)
        if found is None:
            return queryset, False
        request.found_part_of_list = found.is_part
        return queryset.filter(pk__any_of=found.keys), False

    def lookup_allowed(self, lookup, value, request=None):
        """Not what nobody is shown, which could otherwise be asked for letter by letter."""
        return not lookup.startswith(("holder", "notes", "answers")) and super().lookup_allowed(lookup, value, request)

    def get_readonly_fields(self, request, obj=None):
        return (*self._fixed, "hidden_notes", "answers") if obj else ()

    def get_fieldsets(self, request, obj=None):
        """With what was agreed about a session of a type.

        Without what the customer wrote, for those who may only know that there is something.
        """
        fieldsets = super().get_fieldsets(request, obj)
        asked = tuple(field_name(question) for question in self.asked(request, obj))
        if obj is None:
            if _types_to_book(request).exists():
                [(title, options)] = fieldsets
                slot, *others = options["fields"]
                fieldsets = [(title, options | {"fields": (slot, "session_type", *others)})]
            if asked:
                note = _("What the organisation asks. Nothing is required of staff.")
                fieldsets = [*fieldsets, (_("Answers"), {"fields": asked, "description": note})]
            return fieldsets
        if obj.terms:
            (title, options), *others = fieldsets
            before, after = options["fields"][:3], options["fields"][3:]
            fieldsets = [(title, {"fields": (*before, "session", "price", "place", *after)}), *others]
        if not obj.broken_rule:
            (title, options), *others = fieldsets
            left = tuple(name for name in options["fields"] if name != "outside_rules")
            fieldsets = [(title, {"fields": left}), *others]
        obj.read_by = reach(request)
        if not obj.slot.expert.organization.has_questions:
            fieldsets = [(title, options) for title, options in fieldsets if "answers" not in options["fields"]]
        if asked:
            left = ("answers",) if self.unasked_rows(obj) else ()
            fieldsets = [
                (title, {"fields": (*asked, *left)} if "answers" in options["fields"] else options)
                for title, options in fieldsets
            ]
        if may_read_notes(obj.read_by, obj):
            return fieldsets
        hidden = {"fields": ("name", "email", "phone", "hidden_notes")}
        return [(title, hidden if "notes" in options["fields"] else options) for title, options in fieldsets]

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "slot":
            kwargs["queryset"] = Slot.objects.with_expert()
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "slot":
            field.label_from_instance = self.admin_site.get_model_admin(Slot).name_of
            field.help_text = _(
                "Type the expert’s name, and a day such as 2027-03-10. Only what can be booked is listed."
            )
        if db_field.name == "session_type":
            field.queryset = _types_to_book(request)
            field.empty_label = _("The slot as it is")
            field.help_text = _("Begins with the slot and takes those after it that it needs, or none.")
            if reach(request).everything:
                field.label_from_instance = lambda kind: f"{kind.name}, {kind.organization.name}"
        return field

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        return without_menu(field) if db_field.name in ("slot", "session_type") else field

    def has_change_permission(self, request, obj=None):
        """Not a hold: its person fills in the form at this moment, or opens the link. Nor what is nobody's any more."""
        is_fixed = obj and (obj.status == Status.HELD or obj.awaits_proof or obj.erased_at is not None)
        return super().has_change_permission(request, obj) and not is_fixed

    def has_delete_permission(self, request, obj=None):
        """Never: a booking is cancelled, so that its person is told and its history stays."""
        return False

    # What customers wrote is theirs: owners can see who has read it.

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None and may_read_notes(reach(request), obj):
            answered = {obj.pk} if readable_answers(reach(request), obj, answers_to(obj)) else ()
            services.log_note_readings([obj], answered=answered, user=request.user, who=request.user.email)
        return super().render_change_form(request, context, add, change, form_url, obj)

    # Columns

    @display(description=gettext_lazy("full name"))
    def person(self, booking):
        return label(_("Erased"), "default") if booking.erased_at else booking.name or None

    @display(description=gettext_lazy("when"))
    def when(self, booking):
        return booking.slot.when

    @display(description=gettext_lazy("when"))
    def when_long(self, booking):
        return self.admin_site.get_model_admin(Slot).when_long(booking.session)

    @display(description=gettext_lazy("session"))
    def session(self, booking):
        return booking.title_and_length or None

    @display(description=gettext_lazy("price"))
    def price(self, booking):
        return booking.price or None

    @display(description=gettext_lazy("place"))
    def place(self, booking):
        place = whole_place(booking)
        return f"{place.kind}, {place.note}" if place.note else place.kind

    @display(description=gettext_lazy("expert"))
    def expert_and_session(self, booking):
        name = self.expert(booking)
        return format_html("{}<br>{}", name, booking.title_and_length) if booking.terms else name

    @display(description=gettext_lazy("expert"))
    def expert(self, booking):
        return booking.with_whom

    @display(description=gettext_lazy("slot"))
    def slot_link(self, booking):
        url = reverse("admin:experts_slot_change", args=[booking.slot_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, _("Open the slot"))

    @display(description=gettext_lazy("status"))
    def status_label(self, booking):
        if booking.awaits_proof:
            is_kept = booking.status == Status.HELD
            return label(_("Waits for the link") if is_kept else _("Link not opened"), "info" if is_kept else "default")
        return label(booking.get_status_display(), COLOURS[booking.status])

    @display(description=gettext_lazy("last e-mail"))
    def last_mail(self, row):
        """What became of the last e-mail to the customer, and when; the button "E-mails" shows all."""
        mails = Notification.objects.filter(booking=row, audience=Notification.Audience.CUSTOMER)
        mail = mails.order_by("-id").first()
        if mail is None:
            return None
        when = instant(mail.sent_at or mail.last_attempt_at or mail.created_at)
        return format_html("{} {}, {}", label(mail.get_status_display(), MAIL_COLOURS[mail.status]), mail.to, when)

    @display(description=gettext_lazy("link asked for because"))
    def asked_because(self, booking):
        return booking.get_proof_reason_display() or None

    @display(description=gettext_lazy("created"))
    def created(self, booking):
        return instant(booking.created_at)

    @display(description=gettext_lazy("runs out"))
    def runs_out(self, booking):
        return instant(booking.expires_at) if booking.expires_at else None

    @display(description=gettext_lazy("outside the rules"))
    def outside_rules(self, booking):
        return label(booking.get_broken_rule_display(), "warning") if booking.broken_rule else None

    @display(description=gettext_lazy("notes"))
    def hidden_notes(self, booking):
        return _("There is a note. The expert and owners read it.") if booking.notes else None

    # Ways from here

    def has_show_mails_permission(self, request, object_id=None):
        return may(request, "bookings.notification", VIEW)

    @action(description=gettext_lazy("E-mails"), icon="mail", permissions=["show_mails"])
    def show_mails(self, request, object_id):
        where = urlencode({"booking__id__exact": object_id})
        return HttpResponseRedirect(f"{reverse('admin:bookings_notification_changelist')}?{where}")

    @display(description=gettext_lazy("message to the customer"))
    def message(self, booking):
        return booking.reason or None

    # Writes

    def save_model(self, request, obj, form, change):
        names = ("name", "email", "phone", "notes")
        person = {name: form.cleaned_data[name] for name in names if name in form.cleaned_data}
        if change:
            # Only what was changed in this form: a colleague may have corrected the rest meanwhile.
            changed = {name: text for name, text in person.items() if name in form.changed_data}
            if changed:
                services.change_details(booking_id=obj.pk, **changed)
            if any(field_name(question) in form.changed_data for question in form.questions):
                only = [question.slug for question in form.questions]
                answers = answers_typed(form)
                services.change_answers(booking_id=obj.pk, answers=answers, by_customer=False, only=only)
            return
        kind = form.cleaned_data.get("session_type")
        booking = services.book(
            slot_id=form.cleaned_data["slot"].pk,
            session_type=kind.pk if kind else None,
            seats=form.cleaned_data["seats"],
            source=Source.STAFF,
            idempotency_key=form.cleaned_data["key"],
            idempotency_scope=f"admin:{request.user.pk}",
            answers=answers_typed(form, kind),
            **person,
        ).booking
        obj.pk, obj.reference, obj.status = booking.pk, booking.reference, booking.status

    def explain(self, request, refusal):
        if isinstance(refusal, NotFound):  # of what the form offers, a type of somebody else's
            return {"session_type": [_("The expert does not offer this.")]}
        if not isinstance(refusal, SlotTaken):
            names = {question.asked: field_name(question) for question in getattr(request, "questions_asked", ())}
            texts = super().explain(request, refusal)
            return {names.get(name, name): messages for name, messages in texts.items()}
        # Demand that staff could not meet counts, too; what the service wrote about it went with the transaction.
        services.note_opened_full(slot_id=refusal.slot.pk, reason=refusal.reason, source=Source.STAFF)
        if refusal.reason == "closed" and request.POST.get("session_type"):
            return {"slot": [_("No session of this type fits there: it needs free slots that follow each other.")]}
        conflict = Conflict.on_opening(refusal.slot, refusal.reason)
        return {"slot": [f"{conflict.title}. {conflict.text(refusal.slot.expert.zone)}"]}
