"""What an organisation asks, in the form of a booking: a field for each question, and what was answered besides."""

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from bookings.admin.answer_fields import answer_field
from bookings.models import Booking, Question
from bookings.permissions import answerable_questions, readable_answers
from bookings.question_fields import field_name
from bookings.selectors.answers import answers_to, changeable_questions, questions_with
from experts.admin.base import label, read_key
from experts.admin.scoping import only_organization, reach
from experts.models import Slot
from experts.permissions import ADD


class AskingAdmin(admin.ModelAdmin):
    """The part of the bookings' admin that is about questions and answers."""

    def asked(self, request, obj: Booking | None) -> list[Question]:
        """What is asked, as far as they may answer it for somebody; of a new booking by the organisation of its slot.

        Of a new booking the type is chosen in the same form, so it is what is asked with any type.
        """
        if obj is None:
            if not hasattr(request, "asked_of_new"):
                organizations = self.asking_organizations(request)
                rows = Question.objects.filter(organization__in=organizations, is_active=True)
                request.asked_of_new = list(rows.select_related("session_type"))
            return request.asked_of_new
        if not hasattr(obj, "asked"):
            obj.read_by = reach(request)
            questions = changeable_questions(obj, by_customer=False)
            may = self.has_change_permission(request, obj)
            obj.asked = answerable_questions(obj.read_by, obj, questions) if may else []
        return obj.asked

    def asking_organizations(self, request) -> list[int]:
        """The key of the organisation whose questions a new booking is asked, if that is known: [] or [key]."""
        slot = read_key(request.POST.get("slot") or request.GET.get("slot") or "")
        if slot:
            found = Slot.objects.select_related("expert").filter(pk=slot).first()
            if found is None or not self.reaches(request, Booking(slot=found), ADD):
                return []
            return [found.expert.organization_id]
        return list(only_organization(request).values())

    def get_form(self, request, obj=None, change=False, **kwargs):
        """With a field for each question."""
        asked = self.asked(request, obj)
        given = {answer.question_id: answer for answer in answers_to(obj)} if asked and obj else {}
        fields = {field_name(question): answer_field(question, given.get(question.pk), obj) for question in asked}
        request.questions_asked = asked
        form = type(self.form)("BookingForm", (self.form,), {**fields, "questions": asked, "given": given})
        return super().get_form(request, obj, change, **kwargs | {"form": form})

    @display(description=gettext_lazy("answers"))
    def answers(self, booking):
        """What has no field: what may not be read, is not asked any more, or cannot be changed."""
        listed = format_html_join("", "<dt>{}</dt><dd>{}<small>{}</small></dd>", self.unasked_rows(booking))
        return format_html('<dl class="eb-answers">{}</dl>', listed) if listed else None

    def unasked_rows(self, booking: Booking) -> list[tuple[str, str, str]]:
        """What was answered, as far as they may read it, and what was not although it is asked; without what has a
        field."""
        asked = {question.pk for question in booking.asked}
        answers = answers_to(booking)
        readable = readable_answers(booking.read_by, booking, answers)
        rows = [(answer.label, answer.text, answer.wording) for answer in readable if answer.question_id not in asked]
        if len(readable) < len(answers):
            rows.append((_("More"), _("There are answers that the expert and owners read."), ""))
        answered = {answer.question_id for answer in answers} | asked
        for question in questions_with(booking.slot.expert.organization, booking.session_type_id):
            if question.pk not in answered:
                text = label(_("Not answered, required"), "warning") if question.is_required else _("Not answered")
                rows.append((question.label, text, ""))
        return rows
