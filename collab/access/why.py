"""Why somebody may do something: the roles that hold the word, by whom and since when, and what fulfils its terms."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Model, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import SCOPES, Decision, Missing, Reason, _follow, counting, decide, requirements_of
from collab.access.roles import ORGANISATION_ROLES, PROJECT_ROLES, roles_with
from collab.accounts.models import Membership, User

_reader: ContextVar[User | None] = ContextVar("reader", default=None)


def reader_of(user: User) -> User:
    """Whoever reads the sentences about `user`: the person themselves, unless somebody else asked to have it explained.

    A sentence that quotes what not everybody may read asks what the reader may read.
    """
    return _reader.get() or user


@dataclass(frozen=True)
class Explained:
    """A decision with both sides of it: what stands in the way, and what holds."""

    decision: Decision
    because: list[Reason] = field(default_factory=list)

    @property
    def allowed(self) -> bool:
        return self.decision.allowed

    @property
    def missing(self) -> list[Missing]:
        return self.decision.missing


def explain(user: User, word: str, obj: Model, at: datetime | None = None, *, reader: User | None = None) -> Explained:
    """The decision about one object, and every reason for it that holds now.

    `reader`: somebody else who reads it. The links are the person's own ways to mend it, so they are left out.
    """
    if reader is None or reader == user:
        return _explain(user, word, obj, at)
    mark = _reader.set(reader)
    try:
        told = _explain(user, word, obj, at)
    finally:
        _reader.reset(mark)
    missing = [replace(item, url="") for item in told.missing]
    return Explained(replace(told.decision, missing=missing), [replace(item, url="") for item in told.because])


def _explain(user: User, word: str, obj: Model, at: datetime | None) -> Explained:
    at = at or timezone.now()
    decision = decide(user, word, obj, at)
    if not decision.visible:
        return Explained(decision)
    lacking = {item.code for item in decision.missing}
    because = [] if lacking & {"role", "role_ended"} else roles_held(user, word, obj, at)
    for requirement in requirements_of(word, type(obj)):
        if requirement.because is not None:
            because += requirement.because(user, obj, at)
    return Explained(decision, because)


def roles_held(user: User, word: str, obj: Model, at: datetime) -> list[Reason]:
    """The memberships that give the person the word on the object, each in a sentence."""
    scope, roles = SCOPES[type(obj)], roles_with(word)
    of_project = [role for role in roles if role in PROJECT_ROLES]
    of_organisation = [role for role in roles if role in ORGANISATION_ROLES]
    held = Q(pk__in=[])
    if scope.project:
        key = _follow(obj, scope.project)
        here = Q(organisation__project_parties__project=key, organisation__project_parties__left_on=None)
        held |= here & (Q(project=key, role__in=of_project) | Q(project=None, role__in=of_organisation))
    if scope.organisation:
        held |= Q(project=None, organisation=_follow(obj, scope.organisation), role__in=of_organisation)
    rows = counting(Membership.objects.filter(held, user=user).active(at), of_project)
    rows = rows.select_related("organisation", "granted_by")
    return [Reason("role", _sentence(row)) for row in rows.distinct()]


def _sentence(row: Membership) -> str:
    facts = {
        "role": row.get_role_display(),
        "party": row.organisation,
        "day": date_format(timezone.localtime(row.starts_at)),
        "by": row.granted_by,
        "end": date_format(timezone.localtime(row.ends_at)) if row.ends_at else "",
    }
    if row.granted_by and row.ends_at:
        return _("%(role)s for %(party)s, given by %(by)s, from %(day)s until %(end)s.") % facts
    if row.granted_by:
        return _("%(role)s for %(party)s, given by %(by)s, since %(day)s.") % facts
    if row.ends_at:
        return _("%(role)s for %(party)s from %(day)s until %(end)s.") % facts
    return _("%(role)s for %(party)s since %(day)s.") % facts
