"""Take a photo or a logo, on the page of the expert or the organisation that it is of, as a form of its own.

A form of its own, because the page's form may be sent again and again (preview.py), and a file is sent once.
"""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from experts import services
from experts.errors import Refused
from experts.models import Expert
from experts.pictures import MOST_BYTES


class WithPicture:
    """For the admin of Expert or Organization: an address that stores a picture or, with ``remove``, has none.

    The body is read last of all: after the log-in and the right to change this row, so that nobody else makes the
    server take a file.
    """

    def get_urls(self):
        own = self.admin_site.admin_view(csrf_exempt(self.picture_view))
        name = f"{self.opts.app_label}_{self.opts.model_name}_picture"
        # The middleware would read the body to find the token; the view does so after it has asked who it is.
        return [path("<int:object_id>/picture/", csrf_exempt(own), name=name), *super().get_urls()]

    def picture_view(self, request, object_id):
        obj = self.get_object(request, str(object_id))
        if obj is None:
            raise Http404
        if not self.has_change_permission(request, obj):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return _store_picture(request, obj, self)


@csrf_protect
def _store_picture(request, obj, page):
    problem = ""
    try:
        obj = _written(request, obj)
    except Refused as refusal:
        problem = str(refusal)
    if request.headers.get("HX-Request"):  # the script of the page shows what came of it in its place
        context = {"original": obj, "picture": picture_of(obj), "picture_problem": problem}
        return TemplateResponse(request, "admin/_picture.html", context, status=422 if problem else 200)
    if problem:
        page.message_user(request, problem, messages.ERROR)
    return HttpResponseRedirect(reverse(f"admin:experts_{page.opts.model_name}_change", args=[obj.pk]))


def _written(request, obj):
    is_expert = isinstance(obj, Expert)
    whose = {"expert_id" if is_expert else "organization_id": obj.pk}
    if "remove" in request.POST:
        return (services.remove_photo if is_expert else services.remove_logo)(**whose)
    file = request.FILES.get("picture")
    if file is None:
        raise Refused(_("Choose a file first."))
    return (services.set_photo if is_expert else services.set_logo)(**whose, file=file)


def picture_of(obj) -> dict[str, object]:
    """What the form about a picture needs to know (templates/admin/_picture.html)."""
    is_expert = isinstance(obj, Expert)
    return {
        "url": obj.photo_medium if is_expert else obj.logo_url,
        "size": (192, 192) if is_expert else obj.logo_size,
        "is_photo": is_expert,
        "accept": "image/jpeg,image/png,image/webp" if is_expert else "image/png,image/webp",
        "action": reverse(f"admin:experts_{obj._meta.model_name}_picture", args=[obj.pk]),
        "most_bytes": MOST_BYTES,
        "most_mb": MOST_BYTES // 1024**2,
    }
