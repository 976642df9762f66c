"""The words with which an organisation's mails to the people who book begin: a page for each kind, beside the mail.

What is typed is shown in a frame, as the settings are, and nothing is saved by it. Whoever may change the settings may
change these.
"""

from django import forms
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from bookings import services
from bookings.admin.organization_preview import CHOICE, changeable, framed, policy_of_mail, send_test
from bookings.errors import ChangedByOthers, Refused
from bookings.mail.examples import example_mail
from bookings.models import MailKind, MailText
from bookings.models.mail_text import WORDED, placeholders_of
from experts.admin.history import CALLED, NAMED, PARTS, read_history
from experts.models import Organization

# Changes are told with those of the organisation.
PARTS[Organization] = {MailText: "organization"}
NAMED[MailText] = ("organization", "kind")
CALLED[MailText] = lambda event: _("E-mail “%(kind)s”") % {"kind": MailKind(event.kind).label}

# Their first sentences say what people have to know, and stay.
_EXPLAINED = {MailKind.PROVE, MailKind.WAITLIST_PROVE, MailKind.WAITLIST_OFFER, MailKind.RESCUE_OFFER}
_TEXT = "text"  # the part of a mail that is shown, else it is the one with its looks


class MailTextForm(forms.ModelForm):
    """``seen_…``: what was stored when the page was shown."""

    seen_subject = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    seen_opening = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    class Meta:
        model = MailText
        fields = ("subject", "opening")
        widgets = {"subject": UnfoldAdminTextInputWidget, "opening": UnfoldAdminTextareaWidget(attrs={"rows": 6})}

    def __init__(self, *args, standard: tuple[str, str], **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["subject"].help_text = _("Empty: “%(words)s”") % {"words": standard[0]}
        opens = _("In place of the greeting and the first sentence. Empty: “%(words)s”")
        if self.instance.kind in _EXPLAINED:
            opens = _("In place of the greeting; the rest follows. Empty: “%(words)s”")
        self.fields["opening"].help_text = opens % {"words": standard[1]}

    def _post_clean(self):
        # Without words it is no row, which the service knows.
        self.instance.validate_constraints = lambda exclude=None: None
        super()._post_clean()

    def seen_now(self, text: MailText) -> None:
        """Let the form be about what is stored by now."""
        self.initial |= {"seen_subject": text.subject, "seen_opening": text.opening}
        if self.is_bound:
            self.data = self.data.copy()
            self.data["seen_subject"], self.data["seen_opening"] = text.subject, text.opening


class WithMailTexts:
    """For the admin of organisations: the words of each mail, what comes of them, and a test to oneself."""

    def get_urls(self):
        view, at = self.admin_site.admin_view, "<int:object_id>/mails/"
        own = [
            path(at, view(self.mails_view), name="experts_organization_mails"),
            path(f"{at}<slug:kind>/", view(self.mails_view), name="experts_organization_mail"),
            path(
                f"{at}<slug:kind>/preview/",
                framed(view, self.mail_preview_view),
                name="experts_organization_mail_preview",
            ),
            path(f"{at}<slug:kind>/test/", view(self.mail_test_view), name="experts_organization_mail_test"),
        ]
        return [*own, *super().get_urls()]

    def mails_view(self, request, object_id, kind=MailKind.CONFIRMED.value):
        organization, kind = changeable(self, request, object_id), _kind(kind)
        text = _stored(organization, kind)
        standard = _standard_words(organization, kind, request.user.email)
        sent = request.POST.copy() if request.method == "POST" else None
        if sent is not None and "_standard" in sent:
            sent["subject"] = sent["opening"] = ""
        form = MailTextForm(sent, instance=text, standard=standard)
        problem = ""
        if sent is None:
            form.seen_now(text)
        elif form.is_valid():
            problem = self._save(request, organization, kind, form)
            if not problem and not form.errors:
                return HttpResponseRedirect(_address("mail", organization, kind))
        return TemplateResponse(
            request,
            "admin/mail_texts.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Words of e-mails"),
                "subtitle": organization.name,
                "opts": self.opts,
                "organization": organization,
                "form": form,
                "problem": problem,
                "kind": kind,
                "kinds": self._kinds(organization),
                "has_own": text.pk is not None,
                "placeholders": [(f"{{{name}}}", text) for name, text in placeholders_of(kind).items()],
                "preview_url": _address("mail_preview", organization, kind),
                "test_url": _address("mail_test", organization, kind),
                "back_url": reverse("admin:experts_organization_change", args=[organization.pk]),
                "to": request.user.email,
            },
            status=422 if problem or form.errors else 200,
        )

    def mail_preview_view(self, request, object_id, kind):
        """The whole mail with what is typed; where that cannot stand, as it is saved, and why."""
        organization, kind = changeable(self, request, object_id), _kind(kind)
        stored = _stored(organization, kind)
        text = MailText(organization=organization, kind=kind, subject=stored.subject, opening=stored.opening)
        mistakes = []
        if request.method == "POST":
            form = MailTextForm(request.POST, instance=text, standard=("", ""))
            mistakes = [error for errors in form.errors.values() for error in errors]
            if mistakes:
                text.subject, text.opening = stored.subject, stored.opening
        texts = {(organization.pk, kind.value): text}
        mail = example_mail(organization, kind, request.user.email, "<example@expertbook>", timezone.now(), texts)
        [(html, _type)] = mail.alternatives
        is_text = (request.POST or request.GET).get(CHOICE) == _TEXT
        context = {"mail": mail, "html": "" if is_text else html, "mistakes": mistakes, "organization": organization}
        response = TemplateResponse(request, "admin/mail_preview.html", context)
        response.policy_of_frame = policy_of_mail()
        return response

    def mail_test_view(self, request, object_id, kind):
        """Send the mail as it is saved to whoever asks for it, and to nobody else, whatever was sent."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        organization, kind = changeable(self, request, object_id), _kind(kind)
        told, level = send_test(request, organization, kind)
        if request.headers.get("HX-Request"):  # the page stays, with all that is typed
            return HttpResponse(told, content_type="text/plain; charset=utf-8")
        self.message_user(request, told, level)
        return HttpResponseRedirect(_address("mail", organization, kind))

    def _save(self, request, organization: Organization, kind: MailKind, form: MailTextForm) -> str:
        """Write what was typed; return why that was refused, if it was, and is about no field."""
        words = {name: form.cleaned_data[name] for name in ("subject", "opening")}
        seen = form.cleaned_data["seen_subject"], form.cleaned_data["seen_opening"]
        try:
            services.save_mail_text(organization_id=organization.pk, kind=kind, seen=seen, **words)
        except ChangedByOthers:
            return _tell_of_change(form, _stored(organization, kind))
        except Refused as refusal:
            return str(refusal)
        self.message_user(request, _("Saved. “%(kind)s” is sent like this from now on.") % {"kind": kind.label})
        return ""

    def _kinds(self, organization: Organization) -> list[dict]:
        own = set(MailText.objects.filter(organization=organization).values_list("kind", flat=True))
        return [
            {"kind": kind, "label": kind.label, "has_own": kind in own, "url": _address("mail", organization, kind)}
            for kind in WORDED
        ]


def _kind(text: str) -> MailKind:
    if text not in {kind.value for kind in WORDED}:
        raise Http404
    return MailKind(text)


def _stored(organization: Organization, kind: MailKind) -> MailText:
    """What is saved, or a text without words that is not."""
    text = MailText.objects.filter(organization=organization, kind=kind).first()
    return text or MailText(organization=organization, kind=kind)


def _address(name: str, organization: Organization, kind: MailKind) -> str:
    return reverse(f"admin:experts_organization_{name}", args=[organization.pk, kind.value])


def _standard_words(organization: Organization, kind: MailKind, to: str) -> tuple[str, str]:
    """Subject and opening of the product: a mail begins with its greeting and its first sentence."""
    mail = example_mail(organization, kind, to, "<example@expertbook>", timezone.now(), texts={})
    greeting, sentence, *_rest = mail.body.split("\n\n")
    return mail.subject, f"{greeting} {sentence}"


def _tell_of_change(form: MailTextForm, text: MailText) -> str:
    """Say who has changed it, and how; the form stays as it was typed and can be saved then."""
    entries = read_history(text).entries if text.pk else []
    form.seen_now(text)
    told = _(
        "%(who)s changed this while you had it open. Nothing of yours is saved yet, and nothing is lost: look at "
        "what is marked, then save again."
    )
    who = entries[0].who if entries else _("Somebody")
    for name in ("subject", "opening"):
        theirs = getattr(text, name)
        if theirs != form.cleaned_data.get(name):
            words = {"who": who, "value": theirs} if theirs else {"who": who}
            line = _("%(who)s wrote “%(value)s”.") if theirs else _("%(who)s went back to the standard words.")
            form.add_error(name, line % words)
    return told % {"who": who}
