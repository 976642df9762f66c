from experts.admin.categories import CategoryAdmin
from experts.admin.experts import ExpertAdmin
from experts.admin.exports import ExportLogAdmin
from experts.admin.hours import TimeOffAdmin
from experts.admin.members import MembershipAdmin
from experts.admin.organizations import OrganizationAdmin
from experts.admin.session_types import SessionTypeAdmin
from experts.admin.sign_ins import SignInAdmin
from experts.admin.slots import SlotAdmin

__all__ = [
    "CategoryAdmin",
    "ExpertAdmin",
    "ExportLogAdmin",
    "MembershipAdmin",
    "OrganizationAdmin",
    "SessionTypeAdmin",
    "SignInAdmin",
    "SlotAdmin",
    "TimeOffAdmin",
]
