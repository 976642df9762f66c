from experts.models.copies import Backup, SendingHeld
from experts.models.expert import Category, Expert
from experts.models.export_log import ExportFormat, ExportLog
from experts.models.hours import TimeOff, WeeklyHours
from experts.models.import_run import ImportedRow, ImportKind, ImportRun, ImportStatus
from experts.models.invitation import Invitation
from experts.models.membership import Membership, Role
from experts.models.organization import Organization, TwoFactor
from experts.models.search_word import SearchWord
from experts.models.session import Session
from experts.models.session_type import Audience, OfferedType, SessionTerms, SessionType
from experts.models.sign_in import Means, Outcome, SignIn, SignInTry, StaffSession
from experts.models.slot import Slot
from experts.models.user import User

__all__ = [
    "Audience",
    "Backup",
    "Category",
    "Expert",
    "ExportFormat",
    "ExportLog",
    "ImportKind",
    "ImportRun",
    "ImportStatus",
    "ImportedRow",
    "Invitation",
    "Means",
    "Membership",
    "OfferedType",
    "Organization",
    "Outcome",
    "Role",
    "SearchWord",
    "SendingHeld",
    "Session",
    "SessionTerms",
    "SessionType",
    "SignIn",
    "SignInTry",
    "Slot",
    "StaffSession",
    "TimeOff",
    "TwoFactor",
    "User",
    "WeeklyHours",
]
