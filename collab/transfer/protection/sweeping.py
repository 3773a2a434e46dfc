"""Once a day: deadlines that come near are told to more people, and the next ones of what repeats are entered."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from collab.access.roles import Role
from collab.accounts.models import Membership, User
from collab.audit.services import record
from collab.inbox.notices import both
from collab.inbox.services import notify
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.protection.counting import Rules, recount, titles_of
from collab.transfer.protection.rules import Deadline

BATCH = 500


def sweep(today: date | None = None) -> dict[str, int]:
    """Safe to run twice. Nothing here settles a deadline or lets one pass: it only tells people."""
    today = today or timezone.localdate()
    return {"escalated": escalate(today), "recounted": count_what_repeats(today)}


def escalate(today: date) -> int:
    """Tell the admins of the organisation, and the officer in charge, of what is near and still open: once."""
    far = today + timedelta(days=400)
    rows = Deadline.objects.open().filter(escalated_on=None, due_on__lte=far).with_names().order_by("due_on", "pk")
    count = 0
    for row in rows.select_related("case__officer")[: BATCH * 4]:
        if row.due_on - timedelta(days=row.escalate_days) > today:
            continue
        count += _tell(row, today)
    return count


def _tell(row: Deadline, today: date) -> bool:
    with transaction.atomic():
        mine = Deadline.objects.open().filter(pk=row.pk, escalated_on=None)
        if not mine.update(escalated_on=today, version=F("version") + 1):
            return False  # another sweep was faster
        english, chinese = titles_of(row)
        late = row.due_on < today
        text = gettext_lazy("Missed on %(day)s: %(what)s") if late else gettext_lazy("Due on %(day)s, open: %(what)s")
        day = row.due_on.isoformat()
        notify(
            people=whom_to_tell(row.case),
            kind="deadline",
            title=both(text, values={"day": day, "what": english})[0],
            title_zh=both(text, values={"day": day, "what": chinese})[1],
            url=row.get_absolute_url(),
        )
        record(
            verb="deadline.escalate",
            subject=row,
            by=None,
            organisation_id=row.case.organisation_id,
            data={"docket": row.case.docket, "what": row.title, "day": row.due_on.isoformat()},
        )
    return True


def whom_to_tell(case: TransferCase) -> list[User]:
    """Admins of the organisation, and the officer in charge; without one, all its transfer officers."""
    roles = [Role.ORGANISATION_ADMIN, *([] if case.officer_id else [Role.TRANSFER_OFFICER])]
    held = Membership.objects.active().filter(
        organisation=case.organisation_id, project=None, role__in=roles, user__is_active=True
    )
    return list(User.objects.filter(Q(pk__in=held.values("user")) | Q(pk=case.officer_id)).distinct())


def count_what_repeats(today: date) -> int:
    """Enter the next renewal of what comes again, once the last one that is known has gone by."""
    last = (
        Deadline.objects.filter(rule__every_months__isnull=False)
        .values("case", "protection", "rule")
        .annotate(latest=Max("due_on"))
        .filter(latest__lt=today)
    )
    keys = set(last.values_list("case", flat=True)[:BATCH])
    known: dict[Any, Rules] = {}
    count = 0
    for key in sorted(keys, key=str):
        with transaction.atomic():
            TransferCase.objects.select_for_update().get(pk=key)
            case = TransferCase.objects.select_related("organisation", "disclosure").get(pk=key)
            rules = known.setdefault(case.organisation_id, Rules(case.organisation_id))
            count += bool(recount(case, rules=rules))
    return count
