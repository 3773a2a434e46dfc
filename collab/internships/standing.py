"""What a row lets a person do: through a role in the organisations it names, or by being the person it names, as
long as they belong to the organisation for which they act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import NEVER, Missing
from collab.access.roles import ORGANISATION_ROLES, WORDS, roles_with
from collab.accounts.models import Membership, OrganisationKind, User
from collab.internships.models import Application, BoardReview, Placement, Posting
from collab.internships.programmes.models import Audience
from collab.internships.programmes.states import CohortState, PostingState
from collab.projects.models import Project

Grants = Callable[[User, str, datetime], Q]
_SHOWN = [PostingState.PUBLISHED.value, PostingState.CLOSED.value]

# word -> paths to the organisations in which a role with the word counts
OF_POSTING = {
    "posting.view": ("organisation", "cohort__programme__organisation"),
    "posting.manage": ("organisation",),
    "programme.manage": ("cohort__programme__organisation",),
}
OF_APPLICATION = {
    "application.view": ("posting__organisation", "cohort__programme__organisation"),
    "application.decide": ("posting__organisation",),
    "programme.manage": ("cohort__programme__organisation",),
}
# The university of the student leads a placement. A programme that takes students of other universities sees theirs
# on its board, and reminds; it neither writes nor ends them, nor reads the log book and what happened on the way.
OF_PLACEMENT = {
    "placement.view": ("host", "university", "cohort__programme__organisation"),
    "programme.manage": ("university", "cohort__programme__organisation"),
    "placement.write": ("host", "university"),
    "placement.approve": ("host", "university"),
    "placement.manage": ("university",),
}
IN_PLACEMENT = OF_PLACEMENT | {"placement.view": ("host", "university")}


def through_roles(user: User, word: str, at: datetime, paths: Mapping[str, tuple[str, ...]], prefix: str = "") -> Q:
    """Rows that name an organisation in which the person holds the word."""
    found = [Q(_holds(user, word, at, prefix + path)) for path in paths.get(word, ())]
    return reduce(or_, found) if found else NEVER


def _holds(user: User, word: str, at: datetime, path: str) -> Exists:
    roles = [role for role in roles_with(word) if role in ORGANISATION_ROLES]
    mine = Membership.objects.filter(user=user, project=None, organisation=OuterRef(path), role__in=roles)
    return Exists(mine.active(at))


def acts_for(user: User, at: datetime, path: str) -> Q:
    """Rows that name an organisation to which the person belongs today: whoever has left acts for it no more."""
    mine = Membership.objects.filter(user=user, project=None, organisation=OuterRef(path))
    return Q(Exists(mine.active(at)))


def studies(user: User) -> QuerySet[Membership]:
    """Memberships of the person as a student of a university: whoever only works there is offered no placement."""
    return Membership.objects.of(user).as_student().filter(organisation__kind=OrganisationKind.UNIVERSITY)


def in_audience(user: User, at: datetime) -> Q:
    """Postings that are shown to the person: public ones, and those for a university of theirs."""
    mine = Membership.objects.filter(user=user, project=None).active(at)
    chosen = Posting.universities.through.objects.filter(  # type: ignore[attr-defined]
        posting=OuterRef("pk"), organisation__in=mine.values("organisation")
    )
    shown = Q(state__in=_SHOWN, cohort__publishes_at__lte=at) & ~Q(cohort__state=CohortState.DRAFT.value)
    applied = Application.objects.filter(posting=OuterRef("pk"), candidate=user.pk)
    return shown & (Q(audience=Audience.PUBLIC) | Q(Exists(chosen))) | Q(Exists(applied))


def posting_grants(user: User, word: str, at: datetime) -> Q:
    if word == "posting.apply":
        return in_audience(user, at) & Q(Exists(studies(user).active(at)))
    return through_roles(user, word, at, OF_POSTING)


def explain_posting(user: User, word: str, posting: Posting, at: datetime) -> Missing:
    """Why somebody who sees the posting may not do that to it."""
    if word != "posting.apply":
        names = ", ".join(str(role.label) for role in roles_with(word))
        text = _("Your role does not let you %(what)s; these roles do: %(roles)s.")
        return Missing("role", text % {"what": WORDS[word], "roles": names})
    if not studies(user).active(at).exists():
        return not_a_student()
    return Missing("not_in_audience", _("It is offered to students of other universities."))


def not_a_student() -> Missing:
    return Missing("not_a_student", _("Only students of a university apply: you are a student of none here."))


def cohort_grants(user: User, word: str, at: datetime) -> Q:
    """Whoever has applied in it ranks their choices."""
    mine = Application.objects.filter(candidate=user.pk).values("cohort")
    return Q(pk__in=mine) if word == "programme.rank" else NEVER


def cohort_shown(user: User, at: datetime) -> Q:
    return ~Q(state=CohortState.DRAFT.value)


def application_grants(prefix: str = "") -> Grants:
    """Applications, or rows that hang on one: the student's own; once sent, the host's and the coordinators'."""

    def grants(user: User, word: str, at: datetime) -> Q:
        found = through_roles(user, word, at, OF_APPLICATION, prefix)
        if found is not NEVER:
            found &= Q(**{f"{prefix}submitted_at__isnull": False})
        if word in {"application.view", "application.write"}:
            found |= Q(**{f"{prefix}candidate": user.pk})
        if word in {"application.view", "application.review"}:
            asked = BoardReview.objects.filter(_on_the_board(user, at)).values("application")
            found |= Q(**{f"{prefix}pk__in" if prefix else "pk__in": asked})
        return found

    return grants


def _on_the_board(user: User, at: datetime) -> Q:
    return Q(reviewer=user.pk) & acts_for(user, at, "application__posting__organisation")


def review_grants(user: User, word: str, at: datetime) -> Q:
    """What the board thinks: its own members see theirs, the host all of them, the student none."""
    if word == "application.decide":
        return through_roles(user, word, at, OF_APPLICATION, "application__")
    if word == "application.view":
        host = through_roles(user, "application.decide", at, OF_APPLICATION, "application__")
        return _on_the_board(user, at) | host
    return _on_the_board(user, at) if word == "application.review" else NEVER


def placement_grants(prefix: str = "") -> Grants:
    """Placements, or rows that hang on one: the intern, those who guide them, host and university.

    The programme in which it is sees the placement itself, and none of the rows.
    """

    return _grants_of_placement(prefix, IN_PLACEMENT if prefix else OF_PLACEMENT)


def takes_part(user: User, placement: Placement) -> bool:
    """Whether the person is in the placement, guides it, or acts for its host or university: not only for a programme
    of another university."""
    inside = _grants_of_placement("", IN_PLACEMENT)(user, "placement.view", timezone.now())
    return Placement.objects.filter(inside, pk=placement.pk).exists()


def _grants_of_placement(prefix: str, paths: Mapping[str, tuple[str, ...]]) -> Grants:
    def grants(user: User, word: str, at: datetime) -> Q:
        found = through_roles(user, word, at, paths, prefix)
        if word in {"placement.view", "placement.write", "placement.intern", "placement.sign", "placement.evaluate"}:
            found |= Q(**{f"{prefix}student": user.pk})
        mentor = Q(**{f"{prefix}mentor": user.pk}) & acts_for(user, at, f"{prefix}host")
        if word in {"placement.view", "placement.write", "placement.guide"}:
            found |= mentor
            found |= Q(**{f"{prefix}supervisor": user.pk}) & acts_for(user, at, f"{prefix}university")
        if word in {"placement.confirm", "placement.evaluate"}:
            found |= mentor
        return found

    return grants


def projects_told(user: User) -> QuerySet[Placement]:
    """The placements whose joint project the person is told of: those in which they take part, and where they see it.

    The programme in which a placement is does not belong to the project.
    """
    part = _grants_of_placement("", IN_PLACEMENT)(user, "placement.view", timezone.now())
    return Placement.objects.filter(part | Q(project__in=Project.objects.visible_to(user)))


def note_grants(user: User, word: str, at: datetime) -> Q:
    """Notes on a placement; a confidential one is for its author and for those who lead the placement alone."""
    leads = through_roles(user, "placement.manage", at, OF_PLACEMENT, "placement__")
    return placement_grants("placement__")(user, word, at) & (Q(confidential=False) | Q(author=user.pk) | leads)


def evaluation_grants(user: User, word: str, at: datetime) -> Q:
    """One's own evaluation; that of the other side once both are published."""
    if word != "placement.view":
        return NEVER
    own_or_published = Q(author=user.pk) | Q(published_at__isnull=False)
    return placement_grants("placement__")(user, word, at) & own_or_published
