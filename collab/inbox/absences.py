"""Absences: somebody else answers requests in the meantime. Signatures are never among them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require, require_for_oneself
from collab.accounts.models import Delegation, DelegationQuerySet, Membership, Organisation, User
from collab.audit.services import record
from collab.inbox.notices import both, notify
from collab.kernel.errors import ConflictError, InvalidError

LONGEST = timedelta(days=366)
PAGE = "/account/absences/"


@transaction.atomic
def begin_absence(
    *,
    by: User,
    ends_at: datetime,
    delegate: User | None = None,
    organisation: Organisation | None = None,
    starts_at: datetime | None = None,
    reason: str = "",
) -> Delegation:
    """Say that one is away, and who answers requests instead; nobody, if nobody is named.

    Raises InvalidError for somebody of another house, for oneself, or when two people would answer for each other.
    """
    require_for_oneself(by, "delegation.manage")
    starts_at = starts_at or timezone.now()
    if ends_at <= starts_at or ends_at <= timezone.now():
        raise InvalidError(_("The absence would end before it begins."), field="ends_at")
    if ends_at - starts_at > LONGEST:
        raise InvalidError(_("An absence lasts a year at most."), field="ends_at")
    people = {by.pk} | ({delegate.pk} if delegate else set())
    list(User.objects.select_for_update().filter(pk__in=people).order_by("pk"))  # so that two cannot name each other
    mine = _houses(by)
    if organisation is not None and organisation.pk not in mine:
        raise InvalidError(_("You do not belong to %(name)s.") % {"name": organisation}, field="organisation")
    if delegate is not None:
        _check_delegate(by, delegate, organisation, mine)
    rows = Delegation.objects.overlapping(starts_at, ends_at)
    if rows.filter(delegator=by, organisation=organisation).exists():
        raise ConflictError(_("You are away in this time already; end that absence first."))
    if delegate is not None and by.pk in _chain(delegate, rows):
        raise InvalidError(
            _("%(person)s is away in this time and counts on you; choose somebody else.") % {"person": delegate},
            field="delegate",
        )
    row = Delegation(
        delegator=by,
        delegate=delegate,
        organisation=organisation,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip(),
    )
    row.require_clean()
    row.save()
    data = {"user": str(delegate.pk)} if delegate else {}
    record(verb="delegation.begin", subject=row, by=by, data=data)
    _tell(row, gettext_lazy("You answer requests for %(person)s during an absence"))
    return row


@transaction.atomic
def end_absence(*, delegation: Delegation, by: User) -> Delegation:
    """Be back: from now on nobody answers instead."""
    require(by, "delegation.manage", delegation)
    changed = Delegation.objects.filter(pk=delegation.pk, revoked_at=None, ends_at__gt=timezone.now()).update(
        revoked_at=timezone.now()
    )
    if not changed:
        raise ConflictError(_("This absence is over already."))
    delegation.refresh_from_db()
    record(verb="delegation.end", subject=delegation, by=by)
    _tell(delegation, gettext_lazy("%(person)s is back: you no longer answer instead"))
    return delegation


def _check_delegate(by: User, delegate: User, organisation: Organisation | None, mine: set[object]) -> None:
    if delegate.pk == by.pk:
        raise InvalidError(_("Choose somebody else than yourself."), field="delegate")
    theirs = _houses(delegate) if delegate.is_active else set()
    shared = theirs & ({organisation.pk} if organisation else mine)
    if not shared:
        raise InvalidError(_("Choose somebody of your own organisation."), field="delegate")


def _houses(user: User) -> set[object]:
    held = Membership.objects.active().filter(user=user, project=None)
    return set(held.values_list("organisation", flat=True))


def _chain(first: User, rows: DelegationQuerySet) -> set[object]:
    """Everybody who would answer for `first`, directly or through others."""
    links: dict[object, set[object]] = {}
    for away, stand_in in rows.exclude(delegate=None).values_list("delegator", "delegate"):
        links.setdefault(away, set()).add(stand_in)
    seen: set[object] = set()
    todo = {first.pk}
    while todo:
        seen |= todo
        todo = {after for one in todo for after in links.get(one, ())} - seen
    return seen


def _tell(row: Delegation, text: object) -> None:
    if row.delegate is None:
        return
    english, chinese = both(text, values={"person": str(row.delegator)})  # type: ignore[arg-type]
    notify(people=[row.delegate], kind="delegation", title=english, title_zh=chinese, url=PAGE)
