"""Verbs on start-ups: found, edit, move on, and say who holds which part from which day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, StaleError
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.models import Licence
from collab.transfer.portfolio.models import EquityHolding, StartUp, plain, shares_on
from collab.transfer.portfolio.states import DAY_OF_MOVE, STARTUP_MOVES, EquityEvent, StartUpState

EARLIEST = date(1900, 1, 1)
_FACTS = frozenset({"name", "name_zh", "country", "founded_on", "platform", "other_founders", "note"})


@transaction.atomic
def found_startup(
    *,
    organisation: Organisation,
    by: User,
    cases: Iterable[TransferCase] = (),
    founders: Iterable[User] = (),
    **facts: Any,
) -> StartUp:
    """Enter a start-up that came out of the organisation. Raises InvalidError naming what cannot be."""
    require(by, "startup.manage", organisation)
    _require_known(facts)
    row = StartUp(organisation=organisation, created_by=by, **_stripped(facts))
    _check(row)
    chosen = _checked_cases(organisation, cases)
    row.require_clean()
    row.save()
    row.cases.set(chosen)
    row.founders.set(founders)
    _told("startup.found", row, by, day=row.founded_on.isoformat())
    return row


@transaction.atomic
def edit_startup(
    *,
    startup: StartUp,
    by: User,
    version: int,
    cases: Iterable[TransferCase] | None = None,
    founders: Iterable[User] | None = None,
    **facts: Any,
) -> StartUp:
    """Change what is said of it. Raises StaleError when somebody was faster."""
    locked = _locked(startup, by)
    _require_known(facts)
    _require_version(locked, version, facts)
    for name, value in _stripped(facts).items():
        setattr(locked, name, value)
    _check(locked)
    first = locked.holdings.order_by("from_on").first()
    if first is not None and first.from_on < locked.founded_on:
        raise InvalidError(
            _("%(holder)s holds a part of it since %(day)s.")
            % {"holder": first.holder, "day": date_format(first.from_on)},
            field="founded_on",
        )
    if cases is not None:
        locked.cases.set(_checked_cases(locked.organisation, cases))
    if founders is not None:
        locked.founders.set(founders)
    _save(locked)
    _told("startup.edit", locked, by)
    return locked


@transaction.atomic
def move_startup(
    *,
    startup: StartUp,
    move: str,
    on: date,
    by: User,
    version: int | None = None,
    acquired_by: str = "",
    reason: str = "",
) -> StartUp:
    """Say that it does business, was acquired or closed, on a day. Raises ConflictError when its state forbids it."""
    locked = _locked(startup, by)
    if version is not None:
        _require_version(locked, version, {})
    if move not in STARTUP_MOVES.table:
        raise InvalidError(_("Choose one of the moves offered."), field="move")
    state = STARTUP_MOVES.require(move, locked.state, what=str(locked))
    if on > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="on")
    before = max(day for day in (locked.founded_on, locked.active_on, locked.acquired_on) if day)
    if on < before:
        raise InvalidError(_("This comes before %(day)s.") % {"day": date_format(before)}, field="on")
    if move == "acquire" and not acquired_by.strip():
        raise InvalidError(_("Say who acquired it."), field="acquired_by")
    if move == "close":
        if not reason.strip():
            raise InvalidError(_("Say why, so that it can be understood in years."), field="reason")
        last = locked.holdings.order_by("-from_on").first()
        if last is not None and last.from_on > on:
            raise InvalidError(
                _("A share in it changed later, on %(day)s.") % {"day": date_format(last.from_on)}, field="on"
            )
    setattr(locked, DAY_OF_MOVE[move], on)
    locked.state, locked.reason = state, reason.strip()
    if move == "acquire":
        locked.acquired_by = acquired_by.strip()
    _save(locked)
    _told(f"startup.{move}", locked, by, day=on.isoformat())
    return locked


@transaction.atomic
def change_equity(
    *,
    startup: StartUp,
    holder: Organisation,
    percent: Decimal,
    from_on: date,
    by: User,
    event: str = EquityEvent.OTHER,
    licence: Licence | None = None,
    note: str = "",
    version: int | None = None,
) -> EquityHolding:
    """Say what a holder has from a day on. The same day again corrects what was entered for it.

    Raises InvalidError when all shares of some day make more than 100 %, naming the day and the sum.
    """
    locked = _locked(startup, by)
    if version is not None:
        _require_version(locked, version, {})
    if locked.state == StartUpState.CLOSED:
        raise ConflictError(_("%(what)s is closed, so nobody's share in it changes.") % {"what": locked})
    if from_on > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="from_on")
    if from_on < locked.founded_on:
        text = _("It was founded later, on %(day)s.")
        raise InvalidError(text % {"day": date_format(locked.founded_on)}, field="from_on")
    _check_licence(locked, holder, licence, event)
    row = EquityHolding.objects.filter(startup=locked, holder=holder, from_on=from_on).first()
    before = "" if row is None else plain(row.percent)
    row = row or EquityHolding(startup=locked, holder=holder, from_on=from_on)
    row.percent, row.event, row.licence, row.note, row.entered_by = percent, event, licence, note.strip(), by
    row.require_clean()
    others = [one for one in locked.holdings.all() if one.pk != row.pk]
    _check_sums([*others, row], from_on)
    row.save()
    _save(locked)
    _told(
        "startup.change_equity", locked, by, holder=str(holder), percent=plain(row.percent), day=from_on.isoformat(),
        before=before,
    )  # fmt: skip
    return row


def _check_licence(startup: StartUp, holder: Organisation, licence: Licence | None, event: str) -> None:
    if licence is None:
        if event == EquityEvent.LICENCE:
            raise InvalidError(_("Say for which licence."), field="licence")
        return
    if licence.licensor_id != holder.pk:
        raise InvalidError(_("Choose a licence that the holder granted."), field="licence")
    if startup.platform_id and licence.licensee_id != startup.platform_id:
        raise InvalidError(
            _("This licence was granted to somebody else: %(who)s.") % {"who": licence.licensee}, field="licence"
        )


def _check_sums(rows: list[EquityHolding], first: date) -> None:
    """On each day from the first on which a share changes, all of them make no more than 100 %."""
    for day in sorted({row.from_on for row in rows if row.from_on >= first}):
        total = sum((row.percent for row in shares_on(rows, day)), Decimal(0))
        if total > 100:
            raise InvalidError(
                _("On %(day)s all shares would make %(sum)s %%, more than 100 %%.")
                % {"day": date_format(day), "sum": plain(total)},
                field="percent",
            )


def _check(row: StartUp) -> None:
    row.country = row.country.upper()
    if not row.founded_on >= EARLIEST:
        raise InvalidError(_("This is too long ago."), field="founded_on")
    if row.founded_on > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="founded_on")
    later = [day for day in (row.active_on, row.acquired_on, row.closed_on) if day and day < row.founded_on]
    if later:
        raise InvalidError(
            _("It cannot be founded after %(day)s.") % {"day": date_format(min(later))}, field="founded_on"
        )
    if row.platform_id and row.platform_id == row.organisation_id:
        raise InvalidError(_("A start-up is another organisation than the one it came out of."), field="platform")
    same = StartUp.objects.filter(organisation=row.organisation_id).exclude(pk=row.pk)
    if same.filter(name=row.name).exists():
        raise InvalidError(_("%(name)s is entered already.") % {"name": row.name}, field="name")
    if row.platform_id and same.filter(platform=row.platform_id).exists():
        raise InvalidError(_("%(name)s is entered already.") % {"name": row.platform}, field="platform")


def _checked_cases(organisation: Organisation, cases: Iterable[TransferCase]) -> list[TransferCase]:
    found = list(cases)
    if any(case.organisation_id != organisation.pk for case in found):
        raise InvalidError(_("Choose cases of the organisation that it came out of."), field="cases")
    return found


# --- what the verbs share
def _locked(startup: StartUp, by: User) -> StartUp:
    require(by, "startup.manage", startup)
    rows = StartUp.objects.select_for_update(of=("self",)).select_related("organisation")
    return rows.get(pk=startup.pk)


def _require_known(facts: Mapping[str, Any]) -> None:
    if unknown := set(facts) - _FACTS:
        raise TypeError(f"a start-up has no {sorted(unknown)}")


def _require_version(row: StartUp, version: int, facts: Mapping[str, Any]) -> None:
    if row.version != version:
        now = {name: getattr(row, name) for name in facts}
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."), now=now)


def _save(row: StartUp) -> None:
    row.version += 1
    row.require_clean()
    row.save()


def _stripped(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.strip() if isinstance(value, str) else value for name, value in facts.items()}


def _told(verb: str, row: models.Model, by: User, **data: Any) -> None:
    assert isinstance(row, StartUp)
    record(verb=verb, subject=row, by=by, organisation_id=row.organisation_id, data={"name": row.name, **data})
