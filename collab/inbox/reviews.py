"""Dates of the ground floor in the calendar: reviews of the members, and the day on which a signatory's role ends.

Accounts lie below the inbox and cannot tell it, so it listens to what they save, in the same transaction.
"""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from collab.access.roles import roles_with
from collab.accounts.models import Membership, MembershipReview, Organisation
from collab.inbox.obligations import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind


def listen() -> None:
    """Called once, when Django is ready."""
    for model, then in ((Organisation, _organisation), (MembershipReview, _review), (Membership, _role)):
        post_save.connect(then, sender=model, dispatch_uid=f"calendar of {model._meta.label_lower}")


def _organisation(instance: Organisation, *, created: bool = False, **kwargs: Any) -> None:
    """The day of its next review, unless one is under way: that has a day of its own."""
    if created and instance.review_due_on is None:
        return
    under_way = MembershipReview.objects.unfinished().filter(organisation=instance).exists()
    if instance.review_due_on is None or under_way:
        settle_obligation(source=instance, kind=ObligationKind.REVIEW)
        return
    set_obligation(
        source=instance,
        kind=ObligationKind.REVIEW,
        title=format_lazy(gettext_lazy("Review the members of {name}"), name=instance),
        due_on=instance.review_due_on,
        url=reverse("collab:organisation_reviews", args=[instance.slug]),
        organisation=instance,
    )


def _review(instance: MembershipReview, **kwargs: Any) -> None:
    if instance.finished_at is not None:
        settle_obligation(source=instance, kind=ObligationKind.REVIEW)
        return
    if instance.organisation is not None:
        settle_obligation(source=instance.organisation, kind=ObligationKind.REVIEW)
    set_obligation(
        source=instance,
        kind=ObligationKind.REVIEW,
        title=format_lazy(gettext_lazy("Finish the review of the members of {name}"), name=instance.scope),
        due_on=instance.due_on,
        url=instance.get_absolute_url(),
        project=instance.project,
        organisation=instance.organisation,
    )


def _role(instance: Membership, **kwargs: Any) -> None:
    """Without a signatory an organisation is bound by nobody, so the end of such a role is known beforehand."""
    if instance.project_id is not None or instance.role not in roles_with("agreement.sign"):
        return
    if instance.ends_at is None or instance.ends_at <= timezone.now():
        settle_obligation(source=instance, kind=ObligationKind.EXPIRY)
        return
    set_obligation(
        source=instance,
        kind=ObligationKind.EXPIRY,
        title=format_lazy(gettext_lazy("The role of {name} as signatory ends"), name=instance.user),
        due_on=timezone.localdate(instance.ends_at),
        url=instance.organisation.get_absolute_url(),
        organisation=instance.organisation,
    )
