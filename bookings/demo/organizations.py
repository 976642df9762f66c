"""The organisations of the demo site, with policies that differ, and the categories."""

from datetime import timedelta

from experts.models import Category, Organization
from experts.models.organization import Accent


def organizations() -> list[Organization]:
    return [
        Organization(
            name="Northgate Clinic",
            slug="northgate-clinic",
            timezone="Europe/London",
            city="London",
            accent=Accent.PETROL,
            contact_email="desk@northgate.example.com",
            mail_footer="Northgate Clinic, 18 Northgate Row, London. The desk is open from 8 to 6 on weekdays.",
            approval_hours=12,
            min_notice=timedelta(minutes=30),
            horizon_days=60,
            cancel_until=timedelta(hours=2),
        ),
        Organization(
            name="Hale & Partners",
            slug="hale-partners",
            timezone="Europe/Berlin",
            city="Berlin",
            accent=Accent.OCEAN,
            contact_email="office@hale.example.com",
            mail_footer="Hale & Partners, Lindenhof 7, Berlin.",
            # A law office looks for conflicts of interest before it takes somebody on.
            requires_approval=True,
            approval_hours=24,
            min_notice=timedelta(hours=2),
            horizon_days=90,
            cancel_until=timedelta(hours=24),
        ),
        Organization(
            name="Brightside Collective",
            slug="brightside-collective",
            timezone="America/New_York",
            city="New York",
            accent=Accent.FOREST,
            contact_email="hello@brightside.example.com",
            mail_footer="Brightside Collective, 40 Alder Street, New York.",
            hold_minutes=10,
            min_notice=timedelta(hours=1),
            horizon_days=30,
            cancel_until=timedelta(hours=12),
        ),
    ]


def categories() -> list[Category]:
    rows = [
        ("Health", "health", "stethoscope"),
        ("Therapy", "therapy", "brain"),
        ("Coaching", "coaching", "compass"),
        ("Legal", "legal", "scale"),
        ("Tax & finance", "tax-finance", "landmark"),
        ("Career", "career", "briefcase-business"),
        ("Nutrition", "nutrition", "apple"),
        ("Language lessons", "language-lessons", "languages"),
    ]
    return [
        Category(name=name, slug=slug, icon=icon, position=position) for position, (name, slug, icon) in enumerate(rows)
    ]
