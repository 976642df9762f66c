"""Say what members of organisations may do with the rows of each model: the one table that decides.

Superusers may do everything. Everybody else has what the table gives to their roles, in their organisations, and
nothing besides: Django's own permissions and groups do not count. A model that is not in the table is for superusers
only. Each app registers the rights on its own models. How pages of the admin apply it: experts/admin/scoping.py.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from experts.models import Membership, Role, User
from experts.prepared import PreparedValues

VIEW, ADD, CHANGE, DELETE = "view", "add", "change", "delete"
# To book outside the rules that hold for visitors: what has begun, is closed, or is too soon or too far ahead.
BEYOND_RULES = "beyond_rules"
ALL = frozenset({VIEW, ADD, CHANGE, DELETE})
LOOK = frozenset({VIEW})
EDIT = frozenset({VIEW, CHANGE})

# What each role may do with the rows of its organisation, by model ("experts.slot"); an expert with those of the own
# calendar.
RIGHTS: dict[str, dict[Role, frozenset[str]]] = {}


def register_rights(rights: dict[str, dict[Role, frozenset[str]]]) -> None:
    """Add an app's models to the table. Called once, when the app is loaded."""
    RIGHTS.update(rights)


register_rights(
    {
        "experts.organization": {Role.OWNER: EDIT, Role.SCHEDULER: LOOK},
        # People are added by an invitation that they accept.
        "experts.membership": {Role.OWNER: ALL - {ADD}},
        "experts.invitation": {Role.OWNER: ALL - {CHANGE}},
        "experts.signin": {Role.OWNER: LOOK},
        "experts.exportlog": {Role.OWNER: LOOK},
        # What an import then adds asks for the right to add that, too.
        "experts.importrun": {Role.OWNER: LOOK | {ADD}, Role.SCHEDULER: LOOK | {ADD}},
        "experts.category": dict.fromkeys(Role, LOOK),
        "experts.expert": {Role.OWNER: ALL, Role.SCHEDULER: EDIT, Role.EXPERT: EDIT},
        "experts.weeklyhours": dict.fromkeys(Role, ALL),
        "experts.timeoff": dict.fromkeys(Role, ALL),
        # What is offered, and at what price, is the organisation's to say; experts see what they offer.
        "experts.sessiontype": {Role.OWNER: ALL, Role.SCHEDULER: ALL},
        "experts.offeredtype": {Role.OWNER: ALL, Role.SCHEDULER: ALL, Role.EXPERT: LOOK},
        "experts.slot": dict.fromkeys(Role, ALL),
    }
)


@dataclass(frozen=True)
class Reach:
    """How far one person's hands go: everything, or the organisations in which they have a role."""

    user_id: int | None
    everything: bool
    organizations: dict[Role, frozenset[int]]

    @property
    def is_experts_only(self) -> bool:
        """Whether they work as an expert, and nowhere as anything else."""
        return not self.everything and {role for role, ids in self.organizations.items() if ids} == {Role.EXPERT}

    def roles_in(self, organization_id: int) -> frozenset[Role]:
        return frozenset(role for role, ids in self.organizations.items() if organization_id in ids)

    def with_right(self, label: str, right: str) -> tuple[frozenset[int], frozenset[int]]:
        """The organisations in which they have ``right`` to a model: to all its rows, and to their own rows only."""
        allowed = RIGHTS.get(label, {})
        having = {role: ids for role, ids in self.organizations.items() if right in allowed.get(role, ())}
        own = having.pop(Role.EXPERT, frozenset())
        return frozenset().union(*having.values()), own


def reach_of(user: User | AnonymousUser) -> Reach:
    """The reach of an account at this moment."""
    if not (user.is_active and user.is_staff):
        return Reach(None, False, {})
    if user.is_superuser:
        return Reach(user.pk, True, {})
    roles: dict[Role, set[int]] = {}
    for role, organization in _roles(user.pk):
        roles.setdefault(Role(role), set()).add(organization)
    return Reach(user.pk, False, {role: frozenset(ids) for role, ids in roles.items()})


@PreparedValues
def _roles(user_id: int) -> QuerySet[Any]:
    return Membership.objects.in_force().filter(user=user_id).values_list("role", "organization_id")
