"""The calendar of what falls due: rows that the rooms set and settle, and dates that people add themselves."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import require, require_for_oneself
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.inbox.models import Obligation
from collab.inbox.notices import both
from collab.inbox.states import ObligationKind
from collab.kernel.errors import ConflictError, InvalidError, StaleError

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@transaction.atomic
def set_obligation(
    *,
    source: models.Model,
    kind: str,
    title: StrOrPromise,
    due_on: date,
    url: str,
    project: models.Model | None = None,
    organisation: Organisation | None = None,
    person: User | None = None,
    title_zh: str = "",
) -> Obligation:
    """Say that `source` makes something fall due; one row for each source and kind, so saying it again changes it.

    Called inside the verb of the source, whose audit row tells of it. A changed day is reminded of anew.
    """
    if kind not in set(ObligationKind):
        raise KeyError(f"{kind!r} is no kind of obligation; collab/inbox/states.py lists them")
    english, chinese = both(title, title_zh)
    facts = {
        "title": english,
        "title_zh": chinese,
        "url": url,
        "due_on": due_on,
        "project": project,
        "organisation": organisation,
        "person": person,
    }
    key = {"source_type": source._meta.label_lower, "source_id": str(source.pk), "kind": kind}
    row, made = Obligation.objects.get_or_create(**key, defaults=facts)  # two may say it first at the same moment
    if made:
        return row
    row = Obligation.objects.select_for_update().get(pk=row.pk)
    if row.due_on != due_on:
        row.reminded_on = None
    for name, value in facts.items():
        setattr(row, name, value)
    row.settled_at = None
    row.version += 1
    row.save()
    return row


@transaction.atomic
def settle_obligation(*, source: models.Model, kind: str) -> bool:
    """What `source` made fall due is done, or no longer asked for. False when there was none open."""
    rows = Obligation.objects.filter(source_type=source._meta.label_lower, source_id=str(source.pk), kind=kind)
    return bool(rows.open().update(settled_at=timezone.now(), version=F("version") + 1))


# --- dates that people add themselves: such a row is its own source
@transaction.atomic
def add_date(
    *, by: User, title: str, due_on: date, kind: str = ObligationKind.OTHER, project: models.Model | None = None
) -> Obligation:
    """Put a date of one's own into the calendar, or one of a project that all of its people see."""
    if project is None:
        require_for_oneself(by, "obligation.manage")
    else:
        require(by, "obligation.manage", project)
    if kind not in set(ObligationKind):
        raise InvalidError(_("Choose a kind."), field="kind")
    row = Obligation(
        source_type=Obligation._meta.label_lower,
        kind=kind,
        title=title.strip(),
        due_on=due_on,
        project=project,  # type: ignore[misc]
        person=None if project is not None else by,
    )
    row.source_id = str(row.pk)
    row.require_clean()
    row.save()
    record(verb="obligation.add", subject=row, by=by, project_id=row.project_id, data={"day": due_on.isoformat()})
    return row


@transaction.atomic
def change_date(*, obligation: Obligation, by: User, version: int, title: str, due_on: date) -> Obligation:
    """Change a date that was added by hand. Raises StaleError when somebody changed it since `version`."""
    _require_own(obligation, by)
    obligation.title, obligation.due_on = title.strip(), due_on
    obligation.require_clean()
    changed = Obligation.objects.filter(pk=obligation.pk, version=version, settled_at=None).update(
        title=obligation.title, due_on=due_on, reminded_on=None, version=F("version") + 1
    )
    if not changed:
        now = Obligation.objects.values("title", "due_on").get(pk=obligation.pk)
        raise StaleError(_("Somebody changed it since you opened it. Open it again and repeat your change."), now=now)
    obligation.refresh_from_db()
    record(
        verb="obligation.change",
        subject=obligation,
        by=by,
        project_id=obligation.project_id,
        data={"day": due_on.isoformat()},
    )
    return obligation


@transaction.atomic
def settle_date(*, obligation: Obligation, by: User) -> Obligation:
    """Say that a date which was added by hand is done."""
    _require_own(obligation, by)
    if (
        not Obligation.objects.open()
        .filter(pk=obligation.pk)
        .update(settled_at=timezone.now(), version=F("version") + 1)
    ):
        raise ConflictError(_("This is settled already."))
    obligation.refresh_from_db()
    record(verb="obligation.settle", subject=obligation, by=by, project_id=obligation.project_id)
    return obligation


def _require_own(obligation: Obligation, by: User) -> None:
    require(by, "obligation.manage", obligation)
    if not obligation.is_own:
        raise ConflictError(_("This date follows from “%(what)s”; change it there.") % {"what": obligation})
