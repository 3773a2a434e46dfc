"""Who takes part in a case: the committee's chairs, the reviewers who were asked, whoever may answer in the inbox.

Each as long as they sit on the committee: whoever has left it reads neither cases nor reviews, not even their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from collab.access.policy import NEVER, Missing
from collab.access.roles import WORDS, Role, roles_with
from collab.accounts.models import Membership, User
from collab.ethics.models import EthicsCase, EthicsFile, EthicsReview
from collab.ethics.states import ReviewState
from collab.inbox.models import Request
from collab.inbox.standing import answerable_q
from collab.projects.models import ProjectParty

DECISION, APPEAL = "ethics.decision", "ethics.appeal"
TOPICS = (DECISION, APPEAL)


SEATS = (Role.ETHICS_REVIEWER, Role.ETHICS_CHAIR)


def _sits(user: User, at: datetime, path: str, *roles: Role) -> Exists:
    held = Membership.objects.active(at).filter(user=user, project=None)
    return Exists((held.filter(role__in=roles) if roles else held).filter(organisation=OuterRef(path)))


def grants(user: User, word: str, at: datetime, case: str = "") -> Q:
    """What a case lets a person do by what it says of itself; `case` leads to it from a row that hangs on it."""
    to = f"{case}__" if case else ""
    here = case or "pk"
    if not word.startswith("ethics.") or word in {"ethics.apply", "ethics.sit", "ethics.manage", "ethics.preside"}:
        return NEVER
    if word == "ethics.decide":
        return _decides(user, at, to)
    over = [ReviewState.RECUSED, ReviewState.LAPSED]
    seat = Q(_sits(user, at, "case__committee__organisation", *SEATS))
    reviewing = EthicsReview.objects.filter(seat, reviewer=user).exclude(state__in=over)
    reviews = Q(**{f"{here}__in": reviewing.values("case")})
    if word == "ethics.review":
        return reviews
    sent = Q(**{f"{to}submitted_at__isnull": False})
    chairs = sent & Q(_sits(user, at, f"{to}committee__organisation", Role.ETHICS_CHAIR))
    if word in {"ethics.chair", "ethics.deliberate"}:
        chairs &= ~near_q(user, at, to)
    if word == "ethics.chair":
        return chairs
    open_to_all = sent & Q(**{f"{to}committee__reviewers_see_all": True})
    sits = open_to_all & Q(_sits(user, at, f"{to}committee__organisation", Role.ETHICS_REVIEWER))
    decided = Q(_sits(user, at, f"{to}committee__organisation"), **{f"{to}decided_by": user.pk})
    return reviews | chairs | sits | _decides(user, at, to) | decided


def _decides(user: User, at: datetime, to: str) -> Q:
    mine = Request.objects.filter(answerable_q(user, at), topic__in=TOPICS)
    return Q(**{f"{to}request__in": mine.values("pk")})


def grants_through(path: str) -> Any:
    def through(user: User, word: str, at: datetime) -> Q:
        return grants(user, word, at, path)

    return through


def file_grants(user: User, word: str, at: datetime) -> Q:
    """Files of a case, for whoever the case itself lets read it: those that were laid before the committee."""
    return grants(user, word, at, "case") & Q(pk__in=EthicsFile.objects.sent().values("pk"))


def review_grants(user: User, word: str, at: datetime) -> Q:
    """Reviews are read by their writers and the chairs; by the other reviewers of the case once they gave their own.

    A chair of whose own project it is reads none. Where reviews are sealed, once all of the round are in; a chair who
    reviews waits with the others. Applicants read them once it is decided, where the committee says so.
    """
    chairs = Q(_sits(user, at, "case__committee__organisation", Role.ETHICS_CHAIR)) & ~near_q(user, at, "case__")
    if word == "ethics.chair":
        return chairs
    seat = Q(_sits(user, at, "case__committee__organisation", *SEATS))
    own = seat & Q(reviewer=user.pk) & ~Q(state=ReviewState.LAPSED)
    if word == "ethics.review":
        return own
    if word == "ethics.deliberate":
        mine = EthicsReview.objects.filter(reviewer=user, state=ReviewState.SUBMITTED, round=OuterRef("round"))
        given = seat & Q(Exists(mine.filter(case=OuterRef("case"))), state=ReviewState.SUBMITTED)
        asked = EthicsReview.objects.filter(case=OuterRef("case"), round=OuterRef("round"), state=ReviewState.ASKED)
        sealed = Q(case__committee__seals_reviews=True)
        given &= ~sealed | ~Q(Exists(asked))
        chairs &= ~sealed | ~Q(Exists(asked.filter(reviewer=user)))
        return chairs | own | given | _applicant(user, at)
    return NEVER


def _applicant(user: User, at: datetime) -> Q:
    """Reviews that were given, for those who apply, once it is decided: where the committee shows them."""
    team = Membership.objects.active(at).filter(
        user=user, project=OuterRef("case__project"), role__in=roles_with("ethics.apply")
    )
    shown = Q(case__committee__shows_reviewers=True, case__decided_at__isnull=False, state=ReviewState.SUBMITTED)
    return shown & Q(Exists(team))


@dataclass(frozen=True)
class Part:
    """What a person is to cases: the projects they belong to and those they apply for, the committees they sit on."""

    person: Any
    projects: frozenset[Any]
    applies_in: frozenset[Any]
    seats: frozenset[Any]

    def applies_to(self, case: EthicsCase) -> bool:
        return case.project_id in self.applies_in

    def sits_on(self, case: EthicsCase) -> bool:
        """Of the committee, and without a stake: only they read who asked, and what sways whom."""
        near = case.project_id in self.projects or self.person in {case.begun_by_id, case.submitted_by_id}
        return not near and case.committee.organisation_id in self.seats


def part_of(user: User) -> Part:
    """Two queries, for however many cases."""
    held = list(Membership.objects.active().filter(user=user).values_list("project", "organisation", "role"))
    applying = set(roles_with("ethics.apply"))
    parties = ProjectParty.objects.filter(project__in={project for project, _house, _role in held if project})
    here = set(parties.filter(left_on=None).values_list("project", "organisation"))
    return Part(
        person=user.pk,
        projects=frozenset(project for project, _house, _role in held if project),
        applies_in=frozenset(project for project, house, role in held if role in applying and (project, house) in here),
        seats=frozenset(house for project, house, role in held if project is None and role in SEATS),
    )


def chairs_of(case: EthicsCase) -> list[User]:
    """The chairs of the case's committee, but for those whom something sways."""
    rows = Membership.objects.active().filter(
        organisation=case.committee.organisation_id, project=None, role=Role.ETHICS_CHAIR, user__is_active=True
    )
    people = {row.user_id: row.user for row in rows.select_related("user")}
    near = near_to(case)
    return [user for pk, user in people.items() if pk not in near]


def near_q(user: User, at: datetime, to: str) -> Q:
    """`near_to` for one person, in SQL; `to` leads to the case."""
    team = Membership.objects.active(at).filter(user=user, project=OuterRef(f"{to}project"))
    return Q(Exists(team)) | Q(**{f"{to}begun_by": user.pk}) | Q(**{f"{to}submitted_by": user.pk})


def members_of(case: EthicsCase) -> Any:
    """The seats of the committee of the case."""
    return Membership.objects.active().filter(
        organisation=case.committee.organisation_id, project=None, role__in=SEATS, user__is_active=True
    )


def near_to(case: EthicsCase) -> set[Any]:
    """Those who have a stake: the project's own people, and whoever wrote or sent the application."""
    team = Membership.objects.active().filter(project=case.project_id).values_list("user", flat=True)
    return {*team, case.begun_by_id, case.submitted_by_id} - {None}


def explain(user: User, word: str, case: Any, at: datetime) -> Missing:
    """Why this person may not do `word` to the case."""
    token = getattr(user, "token", None)
    if token is not None and token.scope == "read" and word != "ethics.view":
        return Missing("token_scope", _("Your token “%(name)s” may only read.") % {"name": token.name})
    if word == "ethics.review":
        return Missing("not_reviewer", _("You were not asked to review this."))
    if word in {"ethics.chair", "ethics.deliberate"} and user.pk in near_to(getattr(case, "case", case)):
        text = _("You belong to the project or wrote the application, so somebody else decides.")
        return Missing("conflict_of_interest", text)
    if word in {"ethics.decide", "ethics.chair", "ethics.deliberate"}:
        committee = case.committee if isinstance(case, EthicsCase) else case.case.committee
        text = _("This is for “%(committee)s” of %(organisation)s.")
        return Missing("not_committee", text % {"committee": committee, "organisation": committee.organisation})
    roles = ", ".join(str(role.label) for role in roles_with(word))
    text = _("Your role does not let you %(what)s; these roles do: %(roles)s.")
    return Missing("role", text % {"what": WORDS[word], "roles": roles})
