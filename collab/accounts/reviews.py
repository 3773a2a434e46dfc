"""Verbs on membership reviews: somebody goes through who holds which role, and confirms or ends each."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collab.access.policy import require
from collab.accounts.models import Membership, MembershipQuerySet, MembershipReview, Organisation, ReviewItem, User
from collab.accounts.services import end_role
from collab.accounts.states import ReviewDecision
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError
from collab.kernel.months import add_months


@transaction.atomic
def open_review(
    *, by: User, due_on: date, organisation: Organisation | None = None, project: Any = None
) -> MembershipReview:
    """Begin to go through the roles in force of an organisation or a project; one review at a time."""
    assert (organisation is None) != (project is None)
    scope = {"organisation": organisation, "project": project}
    _require_reviewer(by, organisation, project)
    if due_on < timezone.localdate():
        raise InvalidError(_("Choose today or a later day."), field="due_on")
    if due_on.year > 2200:
        raise InvalidError(_("Write a year between 1900 and 2200."), field="due_on")
    _lock(organisation, project)
    if MembershipReview.objects.unfinished().filter(**scope).exists():
        raise ConflictError(_("A review is under way already: finish it first."))
    review = MembershipReview.objects.create(due_on=due_on, opened_by=by, **scope)
    here = {"project": project} if project is not None else {"project": None, "organisation": organisation}
    rows: MembershipQuerySet = Membership.objects.filter(**here).active()
    ReviewItem.objects.bulk_create(ReviewItem(review=review, membership=held) for held in rows.order_by("starts_at"))
    _record("open_review", review, by, {"due": due_on.isoformat()})
    return review


@transaction.atomic
def decide_item(*, item: ReviewItem, decision: str, by: User, reason: str = "") -> ReviewItem:
    """Confirm a role, or end it at once with a reason. What was decided stays."""
    review = item.review
    _require_reviewer(by, review.organisation, review.project)
    if decision not in set(ReviewDecision):
        raise InvalidError(_("Confirm the role or end it."), field="decision")
    if decision == ReviewDecision.END and not reason.strip():
        raise InvalidError(_("Say why the role ends."), field="reason")
    _lock(review.organisation, review.project)
    locked = ReviewItem.objects.select_for_update().get(pk=item.pk)
    if MembershipReview.objects.get(pk=review.pk).finished_at is not None:
        raise ConflictError(_("This review is finished."))
    if locked.decision:
        raise ConflictError(_("This role was decided on already."))
    if locked.membership.has_ended:
        raise ConflictError(_("This role has ended in the meantime."))
    locked.decision, locked.reason = ReviewDecision(decision), reason.strip()
    locked.decided_by, locked.decided_at = by, timezone.now()
    locked.require_clean()
    locked.save()
    if decision == ReviewDecision.END:
        end_role(membership=locked.membership, by=by, reason=locked.reason)  # its act is the one in the history
    else:
        _record("confirm_role", review, by, {"user": str(locked.membership.user_id), "role": locked.membership.role})
    return locked


def undecided(review: MembershipReview) -> int:
    """How many roles still wait for a decision; those that ended by themselves need none."""
    open_items = review.items.filter(decision="")
    return open_items.filter(membership__in=Membership.objects.active()).count()


@transaction.atomic
def finish_review(*, review: MembershipReview, by: User) -> MembershipReview:
    """Close it once every role is decided; the organisation's next one is due an interval later."""
    _require_reviewer(by, review.organisation, review.project)
    _lock(review.organisation, review.project)
    locked = MembershipReview.objects.select_for_update().get(pk=review.pk)
    if locked.finished_at is not None:
        raise ConflictError(_("This review is finished."))
    left = undecided(locked)
    if left:
        raise ConflictError(
            ngettext("%(n)d role is not decided yet.", "%(n)d roles are not decided yet.", left) % {"n": left}
        )
    locked.finished_by, locked.finished_at = by, timezone.now()
    locked.save()
    organisation = locked.organisation
    if organisation is not None and organisation.review_months is not None:
        organisation.review_due_on = add_months(timezone.localdate(), organisation.review_months)
        organisation.save(update_fields=["review_due_on"])
    _record("finish_review", locked, by, {})
    return locked


def _require_reviewer(by: User, organisation: Organisation | None, project: Any) -> None:
    if organisation is not None:
        require(by, "organisation.manage", organisation)
    else:
        require(by, "member.manage", project)


def _lock(organisation: Organisation | None, project: Any) -> None:
    scope = organisation or project
    type(scope)._default_manager.select_for_update().get(pk=scope.pk)


def _record(act: str, review: MembershipReview, by: User, data: dict[str, Any]) -> None:
    noun = "organisation" if review.organisation_id else "member"
    record(verb=f"{noun}.{act}", subject=review, by=by, project_id=review.project_id, data=data)
