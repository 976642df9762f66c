from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email, validate_slug
from django.db import transaction

from bookings.validators import NAME_VALIDATORS
from bookingsite.onboarding import services as onboarding
from experts.errors import Refused
from experts.models import Role
from experts.timezones import validate_zone


def checked(validate, name: str, value: str) -> str:
    try:
        validate(value)
    except ValidationError as error:
        raise CommandError(f"{name}: {' '.join(error.messages)}") from error
    return value


class Command(BaseCommand):
    help = "Set up an organisation, and invite its owner. Prints the link with which the owner chooses a password."

    def add_arguments(self, parser):
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="gets the link by mail, too")
        parser.add_argument("--slug", default="", help="its address; made of the name if not given")
        parser.add_argument("--timezone", default="UTC", metavar="ZONE", help="such as Europe/London; UTC if not given")

    def handle(self, *, name: str, owner: str, slug: str, timezone: str, **options):
        for validate in NAME_VALIDATORS:
            name = checked(validate, "name", name.strip())
        if not 1 <= len(name) <= 120:
            raise CommandError("name: between 1 and 120 characters")
        checked(validate_email, "--owner", owner)
        checked(validate_zone, "--timezone", timezone)
        if slug:
            checked(validate_slug, "--slug", slug[:61])
        try:
            with transaction.atomic():
                organization = onboarding.create_organization(name=name, slug=slug, zone=timezone, contact_email=owner)
                invitation = onboarding.invite(
                    organization=organization, email=owner, role=Role.OWNER, expert=None, invited_by=None
                )
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{organization.name} is at /o/{organization.slug}/. Its owner chooses a password here:")
        self.stdout.write(onboarding.link_of(invitation))
