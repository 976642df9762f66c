"""An expert's booking policy in words."""

from django.utils.translation import gettext as _

from experts.models import Expert


def policy_text(expert: Expert) -> str:
    """What happens after somebody books."""
    if expert.policy("requires_approval"):
        return _("%(organization)s approves each booking by hand. Your seat is kept while you wait.") % {
            "organization": expert.organization.name
        }
    return _("Confirmed at once.")
