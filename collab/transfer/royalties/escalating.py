"""Reports and invoices that are late for long are told to the next in line on both sides, once.

The calendar reminds of them before and after their day. What comes after that people decide: nothing here calls out a
breach or closes what a licence grants.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from collab.access.roles import Role, roles_with
from collab.accounts.models import Membership, User
from collab.inbox.services import notify
from collab.transfer.licences.models import Licence
from collab.transfer.royalties.acts import note
from collab.transfer.royalties.models import Invoice, RoyaltyReport
from collab.transfer.royalties.states import WRITABLE

BATCH = 500


def escalate_late(today: date | None = None) -> int:
    """How many were told of. Safe to run twice, and at once."""
    day = today or timezone.localdate()
    late = Q(due_on__lte=day - timedelta(days=settings.ESCALATE_AFTER_DAYS), escalated_on=None)
    reports = RoyaltyReport.objects.with_licence().filter(late, state__in=[state.value for state in WRITABLE])
    invoices = Invoice.objects.with_licence().select_related("licence__licensor").open().filter(late)
    return sum(_tell(row, day) for rows in (reports, invoices) for row in rows.order_by("due_on", "pk")[:BATCH])


def _tell(row: Any, day: date) -> bool:
    with transaction.atomic():
        mine = type(row).objects.filter(pk=row.pk, state=row.state, escalated_on=None)
        if not mine.update(escalated_on=day):
            return False  # another sweep was faster, or it came in at this moment
        licence = row.licence
        what = (
            gettext_lazy("Still not reported, due on {day}: {what}")
            if isinstance(row, RoyaltyReport)
            else gettext_lazy("Still not paid, due on {day}: {what}")
        )
        told = str(row) if isinstance(row, RoyaltyReport) else f"{row.reference} · {licence}"
        title = format_lazy(what, day=row.due_on.isoformat(), what=told)
        notify(people=whom_to_tell(licence), kind="royalty", title=title, url=row.get_absolute_url())
        note("royalty.escalate", row, None, licence, day=row.due_on.isoformat())
    return True


def whom_to_tell(licence: Licence) -> list[User]:
    """Admins and officers of the licensor; of the licensee whoever may report for it."""
    officers = [Role.ORGANISATION_ADMIN, *roles_with("royalty.manage")]
    held = Membership.objects.active().filter(project=None, user__is_active=True)
    here = held.filter(
        Q(organisation=licence.licensor_id, role__in=officers)
        | Q(organisation=licence.licensee_id, role__in=roles_with("royalty.report"))
    )
    return list(User.objects.filter(pk__in=here.values("user")).order_by("pk"))
