"""What is late is reminded of, then escalated by dated steps: a report that did not come, an invoice not paid in full.

Each step is taken once. From the second on it is a task of the licensor's in its calendar, until the report arrives or
the invoice is paid.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from collab.access.roles import Role, roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.inbox.services import notify, set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.transfer.licences.states import LicenceState
from collab.transfer.royalties.acts import note
from collab.transfer.royalties.models import Invoice, LateStep, RoyaltyReport
from collab.transfer.royalties.states import WRITABLE, LateStage

BATCH = 500
_TITLES = {
    LateStage.REMIND: gettext_lazy("Late by {days} days: {what}"),
    LateStage.ESCALATE: gettext_lazy("{who} is late by {days} days: {what}"),
    LateStage.BREACH: gettext_lazy("{who} is late by {days} days, decide whether it is a breach: {what}"),
}


def steps() -> dict[LateStage, int]:
    """Days late from which each step is taken, as the installation sets them."""
    return {
        LateStage.REMIND: settings.ROYALTY_REMIND_DAYS,
        LateStage.ESCALATE: settings.ROYALTY_ESCALATE_DAYS,
        LateStage.BREACH: settings.ROYALTY_BREACH_DAYS,
    }


def chase(today: date | None = None) -> int:
    """Take the steps that are due for what is late; how many. Safe to run twice."""
    day = today or timezone.localdate()
    return sum(_chase(stage, days, day) for stage, days in sorted(steps().items(), reverse=True))


def _chase(stage: LateStage, days: int, today: date) -> int:
    """The last step first: what is late for long when it is first looked at is not told three times."""
    last = today - timedelta(days=days)
    reports = RoyaltyReport.objects.filter(state__in=WRITABLE, due_on__lte=last)
    invoices = Invoice.objects.open().filter(due_on__lte=last)
    taken = 0
    for row in reports.exclude(late_steps__stage__gte=stage).order_by("due_on", "pk")[:BATCH]:
        taken += _take(row, stage, today)
    for invoice in invoices.exclude(late_steps__stage__gte=stage).order_by("due_on", "pk")[:BATCH]:
        taken += _take(invoice, stage, today)
    return taken


@transaction.atomic
def _take(row: RoyaltyReport | Invoice, stage: LateStage, today: date) -> bool:
    locked: Any = type(row)._default_manager.select_for_update(of=("self",)).with_licence().get(pk=row.pk)  # type: ignore[attr-defined]
    waits = locked.is_open if isinstance(locked, Invoice) else locked.state in WRITABLE
    if not waits or locked.late_steps.filter(stage__gte=stage).exists():
        return False  # it came meanwhile, or another sweep was faster
    step = LateStep.objects.create(
        licence=locked.licence,
        report=locked if isinstance(locked, RoyaltyReport) else None,
        invoice=locked if isinstance(locked, Invoice) else None,
        stage=stage,
        told_on=today,
    )
    licence = locked.licence
    url = _page(locked, stage)
    title = format_lazy(_TITLES[stage], who=licence.licensee, days=(today - locked.due_on).days, what=str(locked))
    if stage == LateStage.REMIND:
        notify(people=_people(licence.licensee, "royalty.report"), kind="royalty", title=title, url=url)
    else:
        _settle(locked)  # the task of the step before is part of this one
        _enter(step, licence.licensor, title, today, url)
        notify(people=_people(licence.licensor, "royalty.manage"), kind="royalty", title=title, url=url)
    note(
        "royalty.late", locked, None, licence, what=str(locked), stage=stage.name.lower(),
        days=(today - locked.due_on).days,
    )  # fmt: skip
    return True


def _page(row: RoyaltyReport | Invoice, stage: LateStage) -> str:
    """The last step leads to where a breach is called out, while that can still be done."""
    can_be_broken = row.licence.state in {LicenceState.ACTIVE, LicenceState.SUSPENDED}
    if stage == LateStage.BREACH and can_be_broken:
        return reverse("collab:licence_breach", args=[row.licence_id])
    return row.get_absolute_url()


def _enter(step: LateStep, licensor: Organisation, title: Any, due_on: date, url: str) -> None:
    set_obligation(
        source=step, kind=ObligationKind.REVIEW, organisation=licensor, title=title, due_on=due_on, url=url
    )  # fmt: skip


def _settle(row: RoyaltyReport | Invoice) -> None:
    for step in row.late_steps.all():
        settle_obligation(source=step, kind=ObligationKind.REVIEW)


def settle_late(row: RoyaltyReport | Invoice) -> None:
    """The report arrived, the invoice is paid or was taken back: nobody has to look after it."""
    _settle(row)


def reopen_late(row: RoyaltyReport | Invoice) -> None:
    """It was returned, or its payment taken off: what was escalated before is a task again."""
    step = row.late_steps.exclude(stage=LateStage.REMIND).order_by("-stage").first()
    if step is None:
        return
    licence, stage = row.licence, LateStage(step.stage)
    days = (timezone.localdate() - row.due_on).days
    title = format_lazy(_TITLES[stage], who=licence.licensee, days=days, what=str(row))
    _enter(step, licence.licensor, title, timezone.localdate(), _page(row, stage))


def _people(organisation: Organisation, word: str) -> list[User]:
    """Whoever holds the word for the organisation, and its admins."""
    roles = {*roles_with(word), Role.ORGANISATION_ADMIN}
    held = Membership.objects.filter(organisation=organisation, project=None, role__in=roles).active()
    return list(User.objects.filter(pk__in=held.values("user"), is_active=True).order_by("pk"))
