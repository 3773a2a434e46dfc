"""Who may answer a request: by the word they hold, in person, or standing in for somebody who is away.

`answerable_q` (which requests may this person answer) and `who_can_answer` (who may answer this request) say the same
thing in the two directions; a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import NEVER, Missing
from collab.access.roles import REACHING_ROLES, ROLE_WORDS, Role, roles_with
from collab.accounts.models import Delegation, Membership, User
from collab.inbox.states import Level
from collab.inbox.topics import codes_where

if TYPE_CHECKING:
    from collab.inbox.models import Request

Held = tuple[UUID, UUID | None, str]  # organisation, project, role
_REACH = list(REACHING_ROLES)


@dataclass(frozen=True)
class Answerer:
    """Somebody who may answer; `instead_of` is away and let them stand in."""

    user: User
    instead_of: User | None = None


def _acting(at: datetime) -> Any:
    """Roles in force; those in a project only while their organisation is a party of it."""
    party = apps.get_model("collab", "ProjectParty").objects.filter(
        organisation=OuterRef("organisation"), project=OuterRef("project"), left_on=None
    )
    return Membership.objects.active(at).filter(Q(project=None) | Exists(party), user__is_active=True)


def _joined(organisations: Iterable[UUID]) -> Any:
    """The projects of which these organisations are parties now."""
    parties = apps.get_model("collab", "ProjectParty").objects
    return parties.filter(organisation__in=list(organisations), left_on=None).values("project")


# --- which requests
def answerable_q(user: User, at: datetime) -> Q:
    """The requests that the person may answer now. Two queries: their roles, and those for whom they stand in."""
    standing = list(
        Delegation.objects.active(at)
        .filter(delegate=user, delegator__is_active=True)
        .values_list("delegator", "organisation")
    )
    people = {user.pk, *(delegator for delegator, _organisation in standing)}
    roles: dict[UUID, list[Held]] = {pk: [] for pk in people}
    for held in _acting(at).filter(user__in=people).values_list("user", "organisation", "project", "role"):
        roles[held[0]].append(held[1:])
    mine = [organisation for organisation, project, _role in roles[user.pk] if project is None]
    q = (_held(user.pk, roles[user.pk]) | _climbed(user, roles[user.pk])) & _not_by(user.pk)
    handed = _delegable()
    for delegator, organisation in standing:
        # Only within an organisation the two share: nobody answers for a house that they do not belong to.
        shared = [r for r in roles[delegator] if r[0] in mine and organisation in (None, r[0])]
        q |= _held(delegator, shared, only=organisation) & handed & _not_by(user.pk) & _not_by(delegator)
    return q


def _held(person: UUID, roles: Sequence[Held], only: UUID | None = None) -> Q:
    """Requests that these roles, or being named, let a person answer; `only` in one organisation."""
    houses = {organisation for organisation, project, _role in roles if project is None}
    named = Q(organisation__in=houses) if only else Q(organisation=None) | Q(organisation__in=houses)
    q = Q(receiver=person) & named
    by_role: dict[tuple[str, bool], list[tuple[UUID, UUID | None]]] = {}
    for organisation, project, role in roles:
        by_role.setdefault((role, project is not None), []).append((organisation, project))
    for (role, in_project), places in by_role.items():
        words = Q(word__in=sorted(ROLE_WORDS[Role(role)]))
        if in_project:
            q |= words & Q(organisation=None, project__in=[project for _o, project in places])
            for organisation in {o for o, _project in places}:
                q |= words & Q(organisation=organisation, project__in=[p for o, p in places if o == organisation])
            continue
        organisations = [o for o, _project in places]
        q |= words & Q(organisation__in=organisations)
        if role in _REACH:
            q |= words & Q(organisation=None, project__in=_joined(organisations))
    return q


def _climbed(user: User, roles: Sequence[Held]) -> Q:
    """Requests that nobody could answer and that have climbed to this person."""
    return Q(nobody_since__isnull=False, topic__in=codes_where(lambda t: t.next_answers)) & climbed_to(user, roles)


def climbed_to(user: User, roles: Sequence[Held] | None = None) -> Q:
    """Requests that have climbed to this person, be it to decide them or to hand them to somebody."""
    if roles is None:
        held = Membership.objects.active().filter(user=user, project=None, role=Role.ORGANISATION_ADMIN)
        houses = list(held.values_list("organisation", flat=True))
    else:
        houses = [o for o, project, role in roles if project is None and role == Role.ORGANISATION_ADMIN]
    q = NEVER
    if houses:
        here = Q(organisation__in=houses) | Q(organisation=None, project__in=_joined(houses))
        q |= ~Q(escalated_to="") & here
    if user.is_staff:
        q |= Q(escalated_to=Level.PLATFORM)
    return q


def _not_by(person: UUID) -> Q:
    """Nobody decides what they asked themselves, unless the topic says so."""
    return ~Q(asked_by=person) | Q(topic__in=codes_where(lambda t: t.asker_may_decide))


def _delegable() -> Q:
    return Q(topic__in=codes_where(lambda t: t.delegable))


def grants(user: User, word: str, at: datetime) -> Q:
    """What a request lets a person do by what it says of itself: the policy's `Scope.grants`."""
    if word == "request.withdraw":
        return Q(asked_by=user.pk)
    if word == "request.advise":
        return Q(pk__in=_reviewed(user))
    answers = answerable_q(user, at)
    if word == "request.answer":
        return answers
    if word == "request.direct":
        return answers | climbed_to(user)
    if word == "request.meet":
        own = codes_where(lambda t: t.asker_meets_conditions)
        return answers | Q(decided_by=user.pk) | Q(asked_by=user.pk, topic__in=own)
    if word in {"request.view", "request.comment"}:
        takes_part = Q(asked_by=user.pk) | Q(decided_by=user.pk) | Q(pk__in=_reviewed(user))
        return takes_part | answers | climbed_to(user)
    return NEVER


def grants_through(path: str) -> Any:
    """The same for rows that hang on a request."""

    def through(user: User, word: str, at: datetime) -> Q:
        requests = apps.get_model("collab", "Request").objects.filter(grants(user, word, at))
        return Q(**{f"{path}__in": requests.values("pk")})

    return through


def stands_in(user: User, word: str, at: datetime) -> Q:
    """Whoever stands in sees for whom and how long; only the person who is away changes it."""
    return Q(delegate=user.pk) if word == "delegation.view" else NEVER


def _reviewed(user: User) -> Any:
    return apps.get_model("collab", "Reviewer").objects.filter(user=user).values("request")


# --- which people
class Standing:
    """Who can answer requests at a moment. One for many requests asks for each organisation and word once."""

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at or timezone.now()
        self._roles: dict[Any, list[Membership]] = {}
        self._away: dict[UUID, list[Delegation]] | None = None
        self._houses: dict[UUID, set[UUID]] = {}

    def who_can_answer(self, request: Request, *, climbed: bool = True) -> list[Answerer]:
        """Everybody who may decide and is here; those who are away through whoever stands in for them.

        `climbed` False leaves out those to whom it climbed because nobody else could.
        """
        topic = request.spec
        asker = None if topic.asker_may_decide else request.asked_by_id
        found: dict[UUID, Answerer] = {}
        for user in self.holders(request):
            if user.pk == asker:
                continue  # nor whoever stands in for them
            away = self._absences(user, request)
            if not away:
                found[user.pk] = Answerer(user)
            for delegation in away if topic.delegable else ():
                stand_in = delegation.delegate
                if stand_in is not None and self._may_stand_in(user, stand_in, delegation, request):
                    found.setdefault(stand_in.pk, Answerer(stand_in, instead_of=user))
        if climbed and request.nobody_since is not None and topic.next_answers:
            for user in self.climbed(request, request.escalated_to):
                found.setdefault(user.pk, Answerer(user))
        found.pop(asker, None)  # type: ignore[arg-type]
        people = [a for a in found.values() if topic.may_answer is None or not topic.may_answer(request, a.user)]
        return sorted(people, key=lambda answerer: str(answerer.user).casefold())

    def holders(self, request: Request) -> list[User]:
        """Those who hold the request's word where it asks for it, and the person it names; away or not."""
        people = {held.user_id: held.user for held in self._held_by(request)}
        named = request.receiver
        if named is not None and named.is_active and self._belongs(named, request.organisation_id):
            people[named.pk] = named
        return list(people.values())

    def next_in_line(self, request: Request) -> tuple[Level, list[User]]:
        """Whom a request climbs to: the admins of the organisation, or else the platform's staff."""
        admins = self.climbed(request, Level.ADMINS)
        return (Level.ADMINS, admins) if admins else (Level.PLATFORM, self.climbed(request, Level.PLATFORM))

    def climbed(self, request: Request, level: str) -> list[User]:
        """The people of a level, but for whoever asked and those who are away."""
        if not level:
            return []
        people = {held.user_id: held.user for held in self._admins(request)}
        if level == Level.PLATFORM:
            staff = self._cached("staff", lambda: User.objects.filter(is_staff=True, is_active=True))
            people |= {user.pk: user for user in staff}
        may_ask = request.spec.asker_may_decide
        return [
            user
            for user in people.values()
            if (may_ask or user.pk != request.asked_by_id) and not self._absences(user, request)
        ]

    # --- what it looks up, each once
    def _cached(self, key: Any, rows: Any) -> list[Any]:
        if key not in self._roles:
            self._roles[key] = list(rows())
        return self._roles[key]

    def _held_by(self, request: Request) -> list[Membership]:
        if not request.word:
            return []
        key = (request.organisation_id, request.project_id, request.word)
        return self._cached(key, lambda: self._places(request, roles_with(request.word)))

    def _admins(self, request: Request) -> list[Membership]:
        if not (request.organisation_id or request.project_id):
            return []
        key = (request.organisation_id, request.project_id, "admins")
        return self._cached(key, lambda: self._places(request, [Role.ORGANISATION_ADMIN]))

    def _places(self, request: Request, roles: Sequence[Role]) -> Any:
        """Roles of these kinds that count for the request: the mirror of `_held`."""
        rows = _acting(self.at).filter(role__in=roles).select_related("user")
        if request.organisation_id:
            here = Q(project=None) | Q(project=request.project_id) if request.project_id else Q(project=None)
            return rows.filter(here, organisation=request.organisation_id)
        party = apps.get_model("collab", "ProjectParty").objects.filter(
            organisation=OuterRef("organisation"), project=request.project_id, left_on=None
        )
        reach = Q(Exists(party), project=None, role__in=_REACH)
        return rows.filter(Q(project=request.project_id) | reach)

    def _absences(self, user: User, request: Request) -> list[Delegation]:
        if self._away is None:
            self._away = {}
            for row in Delegation.objects.active(self.at).with_names():
                self._away.setdefault(row.delegator_id, []).append(row)
        away = self._away.get(user.pk, [])
        if not away:
            return []
        places = {request.organisation_id, None}
        if request.organisation_id is None:
            places |= {held.organisation_id for held in self._held_by(request) if held.user_id == user.pk}
        return [row for row in away if row.organisation_id in places]

    def _belongs(self, user: User, organisation: UUID | None) -> bool:
        return organisation is None or organisation in self._houses_of(user)

    def _houses_of(self, user: User) -> set[UUID]:
        if user.pk not in self._houses:
            held = Membership.objects.active(self.at).filter(user=user, project=None)
            self._houses[user.pk] = set(held.values_list("organisation", flat=True))
        return self._houses[user.pk]

    def _may_stand_in(self, away: User, stand_in: User, delegation: Delegation, request: Request) -> bool:
        """Active, here, and of the same house as the role (or the person) that they answer for."""
        if not stand_in.is_active or self._absences(stand_in, request):
            return False
        houses = self._houses_of(stand_in)
        through = [
            held
            for held in self._held_by(request)
            if held.user_id == away.pk
            and held.organisation_id in houses
            and delegation.organisation_id in (None, held.organisation_id)
        ]
        if through:
            return True
        if request.receiver_id != away.pk:
            return False
        if request.organisation_id is None:
            return delegation.organisation_id is None
        return request.organisation_id in houses


def who_can_answer(request: Request, at: datetime | None = None) -> list[Answerer]:
    """Everybody who may decide this request now; empty means nobody can."""
    return Standing(at).who_can_answer(request)


def explain(user: User, word: str, request: Request, at: datetime) -> Missing:
    """Why this person may not do `word` to the request: the policy's `Scope.explain`."""
    token = getattr(user, "token", None)
    if token is not None and token.scope == "read" and word != "request.view":
        return Missing("token_scope", _("Your token “%(name)s” may only read.") % {"name": token.name})
    if word == "request.withdraw":
        return Missing("not_asker", _("Only %(person)s, who asked, can withdraw it.") % {"person": request.asked_by})
    if word == "request.advise":
        return Missing("not_reviewer", _("Your advice was not asked for; you can comment."))
    if user.pk == request.asked_by_id and not request.spec.asker_may_decide:
        return Missing("own_request", _("You asked this yourself, so somebody else decides."))
    who = waits_for(request)
    return Missing("not_yours", _("This waits for %(who)s.") % {"who": who})


def waits_for(request: Request) -> str:
    """In words: whose answer a request waits for."""
    if request.receiver is not None:
        return str(request.receiver)
    roles = ", ".join(str(role.label) for role in roles_with(request.word))
    place = request.organisation or request.project
    return _("%(place)s (%(roles)s)") % {"place": place, "roles": roles}


def instead_of(user: User, request: Request, at: datetime | None = None) -> User | None:
    """For whom this person answers: None when they may answer themselves."""
    standing = Standing(at)
    if any(holder.pk == user.pk for holder in standing.holders(request)):
        return None
    found = next((a for a in standing.who_can_answer(request) if a.user.pk == user.pk), None)
    return found.instead_of if found else None
