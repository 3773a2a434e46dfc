"""Verbs on families, their members, costs, counsel and deadlines. Whatever changes a date counts the deadlines anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import Organisation, User
from collab.audit.models import AuditEvent
from collab.audit.services import record
from collab.inbox.states import ObligationKind
from collab.kernel.errors import ConflictError, Fault, FaultyInputError, InvalidError, StaleError
from collab.transfer.currencies import amount_in, known_currency
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.states import ENDED, CaseState
from collab.transfer.protection.counting import enter_day, recount
from collab.transfer.protection.hooks import asked_by
from collab.transfer.protection.models import Counsel, Family, Protection, ProtectionCost
from collab.transfer.protection.pipeline import bring_to
from collab.transfer.protection.rules import Authority, Deadline, DeadlineRuleSet, FunderRules
from collab.transfer.protection.states import (
    ALIVE,
    CORRECTIONS,
    DATE_OF_MOVE,
    DEADLINE_MOVES,
    ENDING_MOVES,
    OF_A_PARENT,
    OFFICIAL,
    PATENTS,
    PROTECTION_MOVES,
    DeadlineState,
    ProtectionKind,
    ProtectionStatus,
    moves_of,
)

M = TypeVar("M", bound=models.Model)
# In which order days must follow each other, as people read them.
_ORDER = (
    ("priority_on", "filed_on", False),
    ("filed_on", "published_on", False),
    ("filed_on", "granted_on", False),
    ("filed_on", "expires_on", True),
)
_FACTS = frozenset(
    {"title", "application_number", "publication_number", "grant_number", "instrument", "counsel_reference"}
    | {"priority_on", "filed_on", "published_on", "granted_on", "expires_on", "counsel", "parent", "jurisdiction"}
)
_NUMBER_OF_MOVE = {"file": "application_number", "publish": "publication_number", "grant": "grant_number"}


# --- families
@transaction.atomic
def begin_family(*, case: TransferCase, title: str, by: User, title_zh: str = "", note: str = "") -> Family:
    """Begin a family of protections for a case whose disclosure was submitted."""
    locked = _locked_case(case, by)
    if locked.state in {CaseState.DRAFT, CaseState.WITHDRAWN} or not locked.docket:
        raise ConflictError(_("A disclosure is submitted before anything is protected for it."))
    last = Family.objects.filter(case=locked).aggregate(last=Max("number"))["last"] or 0
    family = Family(
        case=locked, number=last + 1, title=title.strip(), title_zh=title_zh.strip(), note=note.strip(), created_by=by
    )
    family.require_clean()
    family.save()
    _told("protection.begin_family", family, by, locked, what=family.reference)
    return family


@transaction.atomic
def edit_family(*, family: Family, by: User, version: int, **facts: str) -> Family:
    """Change how a family is named. Raises StaleError when somebody was faster."""
    locked = _locked(family, by)
    _require_version(locked, version, facts)
    for name in ("title", "title_zh", "note"):
        if name in facts:
            setattr(locked, name, facts[name].strip())
    _save(locked)
    _told("protection.edit_family", locked, by, locked.case, what=locked.reference)
    return locked


# --- members
@transaction.atomic
def add_protection(*, family: Family, kind: str, by: User, **facts: Any) -> Protection:
    """Add a member: planned, or with the days that it has behind it, from which its status follows.

    Raises FaultyInputError naming the fields at fault.
    """
    case = _locked_case(family.case, by)
    unknown = set(facts) - _FACTS
    if unknown:
        raise TypeError(f"a protection has no {sorted(unknown)}")
    protection = Protection(family=family, kind=kind, created_by=by, **_stripped(facts))
    if kind not in set(ProtectionKind):
        raise InvalidError(_("Choose a kind."), field="kind")
    protection.status = _status_of(protection)
    _check(protection)
    protection.save()
    recount(case)
    _told(
        "protection.add", protection, by, case, what=str(protection), kind=protection.kind,
        status=protection.status,
    )  # fmt: skip
    if protection.status in ALIVE:
        bring_to(case, CaseState.SECURED, by)
    return protection


@transaction.atomic
def edit_protection(*, protection: Protection, by: User, version: int, **facts: Any) -> Protection:
    """Change numbers, days and counsel. A changed day counts the deadlines anew."""
    case = _locked_case(protection.family.case, by)
    locked = _locked(protection, by)
    unknown = set(facts) - _FACTS
    if unknown:
        raise TypeError(f"a protection has no {sorted(unknown)}")
    _require_version(locked, version, facts)
    before = {name: getattr(locked, name) for name in facts}
    for name, value in _stripped(facts).items():
        setattr(locked, name, value)
    _check(locked)
    _save(locked)
    changed = sorted(name for name, value in before.items() if getattr(locked, name) != value)
    counted = recount(case)
    _told("protection.edit", locked, by, case, what=str(locked), fields=changed, deadlines=counted)
    return locked


@transaction.atomic
def move_protection(
    *,
    protection: Protection,
    move: str,
    on: date,
    by: User,
    version: int | None = None,
    number: str = "",
    reason: str = "",
    expires_on: date | None = None,
) -> Protection:
    """Say that it was filed, published, granted, refused, given up … on a day. Filing secures the case.

    Raises ConflictError when the kind or the status does not allow it, InvalidError for a day that cannot be.
    """
    case = _locked_case(protection.family.case, by)
    locked = _locked(protection, by)
    if version is not None:
        _require_version(locked, version, {})
    if move not in PROTECTION_MOVES.table:
        raise InvalidError(_("Choose one of the moves offered."), field="move")
    status = PROTECTION_MOVES.require(move, locked.status, what=str(locked))
    if move not in moves_of(locked.kind):
        raise ConflictError(
            _("“%(move)s” is nothing that happens to this kind: %(kind)s.")
            % {"move": move, "kind": locked.get_kind_display()}
        )
    if move in {"restore", "revive"} and (move == "restore") != (locked.granted_on is not None):
        raise ConflictError(_("What was granted is restored; what was pending is pending again."))
    if on > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="on")
    if move in ENDING_MOVES and move != "expire" and not reason.strip():
        raise InvalidError(_("Say why, so that it can be understood in years."), field="reason")
    if move == "revive":
        status = _status_of(locked)  # as before it lapsed: filed, or published already
    locked.status, locked.reason = status, reason.strip()
    if move in DATE_OF_MOVE:
        setattr(locked, DATE_OF_MOVE[move], on)
    locked.ended_on = on if move in ENDING_MOVES else None
    if number.strip() and move in _NUMBER_OF_MOVE:
        setattr(locked, _NUMBER_OF_MOVE[move], number.strip())
    if expires_on is not None:
        locked.expires_on = expires_on
    _check(locked, day_field="on" if move in DATE_OF_MOVE else "")
    if locked.ended_on is not None and locked.filed_on is not None and locked.ended_on < locked.filed_on:
        raise InvalidError(
            _("It cannot end before it was filed, on %(day)s.") % {"day": date_format(locked.filed_on)}, field="on"
        )
    _save(locked)
    recount(case)
    _told(f"protection.{move}", locked, by, case, what=str(locked), day=on.isoformat())
    if status in ALIVE:
        bring_to(case, CaseState.SECURED, by)
    return locked


@transaction.atomic
def correct_protection(*, protection: Protection, reason: str, by: User, version: int) -> Protection:
    """Take back what was entered last by mistake: an end, a grant, a publication or a filing that did not happen."""
    case = _locked_case(protection.family.case, by)
    locked = _locked(protection, by)
    _require_version(locked, version, {})
    if _last_move(locked) in {"restore", "revive"}:
        raise ConflictError(_("That it goes on was entered last; where it does not, enter its end once more."))
    day = CORRECTIONS.get(ProtectionStatus(locked.status))
    if day is None:
        raise ConflictError(_("It is only planned: there is nothing to take back."))
    if not reason.strip():
        raise InvalidError(_("Say why, so that it can be understood in years."), field="reason")
    if day == "filed_on" and locked.children.exists():
        raise ConflictError(_("Others follow from this filing; change those first."))
    before = locked.status
    setattr(locked, day, None)
    for move, number in _NUMBER_OF_MOVE.items():
        if DATE_OF_MOVE[move] == day:
            setattr(locked, number, "")
    locked.status, locked.reason = _status_of(locked), reason.strip()
    _check(locked)
    _save(locked)
    recount(case)
    _told("protection.correct", locked, by, case, what=str(locked), before=before, now=locked.status)
    return locked


def _last_move(protection: Protection) -> str:
    """What happened to it last and was not taken back, as its history says; empty when nothing was told."""
    made: list[str] = []
    rows = AuditEvent.objects.filter(subject_type=protection._meta.label_lower, subject_id=str(protection.pk))
    for verb in rows.order_by("id").values_list("verb", flat=True):
        move = verb.removeprefix("protection.")
        if move in PROTECTION_MOVES.table:
            made.append(move)
        elif move == "correct" and made:
            made.pop()
    return made[-1] if made else ""


def _status_of(protection: Protection) -> ProtectionStatus:
    """Where a member stands that is entered with the days behind it."""
    if protection.filed_on is None:
        return ProtectionStatus.PLANNED
    if protection.kind not in OFFICIAL:
        return ProtectionStatus.IN_FORCE
    if protection.granted_on is not None:
        return ProtectionStatus.GRANTED
    return ProtectionStatus.PUBLISHED if protection.published_on is not None else ProtectionStatus.FILED


def _check(protection: Protection, *, day_field: str = "") -> None:
    """All that is wrong with a member at once. `day_field`: where the day of a move is written."""
    faults = [*_faults_of_kind(protection), *_faults_of_days(protection)]
    if day_field:
        moved = set(DATE_OF_MOVE.values())
        faults = [Fault(day_field if fault.path in moved else fault.path, fault.text) for fault in faults]
    if faults:
        raise FaultyInputError(faults, field=faults[0].path)
    protection.require_clean()


def _faults_of_kind(protection: Protection) -> list[Fault]:
    kind, found = protection.kind, []
    if kind == ProtectionKind.PCT:
        protection.jurisdiction = protection.jurisdiction or "WO"
    if kind in OFFICIAL and not protection.jurisdiction:
        found.append(Fault("jurisdiction", _("Say at which office: two letters, such as US, EP or CN.")))
    if (kind == ProtectionKind.PCT) != (protection.jurisdiction == "WO"):
        found.append(Fault("jurisdiction", _("WO is for international applications, and only for them.")))
    if kind in OF_A_PARENT and protection.parent is None:
        found.append(Fault("parent", _("Say which application it divides or continues.")))
    if protection.parent is not None:
        if protection.parent_id == protection.pk:
            found.append(Fault("parent", _("It does not follow from itself.")))
        elif protection.parent.family_id != protection.family_id:
            found.append(Fault("parent", _("Choose a member of the same family.")))
    if kind in {ProtectionKind.OPEN_LICENCE, ProtectionKind.DEPOSIT} and not protection.instrument:
        found.append(Fault("instrument", _("Name the licence, or where it is deposited.")))
    if kind in PATENTS and kind != ProtectionKind.PROVISIONAL and protection.parent and not protection.priority_on:
        parent = protection.parent
        protection.priority_on = parent.counts_from
    return found


def _faults_of_days(protection: Protection) -> list[Fault]:
    today, found = timezone.localdate(), []
    for earlier, later, strictly in _ORDER:
        first, second = getattr(protection, earlier), getattr(protection, later)
        if first is None or second is None:
            continue
        if second < first or (strictly and second == first):
            found.append(
                Fault(
                    later,
                    _("%(later)s (%(day)s) comes before %(earlier)s (%(other)s).")
                    % {
                        "later": _label(later),
                        "day": date_format(second),
                        "earlier": _label(earlier),
                        "other": date_format(first),
                    },
                )
            )
    for name in ("priority_on", "filed_on", "published_on", "granted_on"):
        day = getattr(protection, name)
        if day is not None and day > today:
            found.append(Fault(name, _("This day has not come yet; a planned member has no such day.")))
    reached = {"filed_on": ProtectionStatus.PLANNED}
    for name in ("published_on", "granted_on"):
        if getattr(protection, name) is not None and protection.filed_on is None:
            found.append(Fault("filed_on", _("Say when it was filed.")))
            break
    for name, status in reached.items():
        if protection.status == status and getattr(protection, name) is not None:
            found.append(Fault(name, _("Say that it was filed: that enters the day.")))
    if protection.status not in {ProtectionStatus.PLANNED, ProtectionStatus.ABANDONED} and protection.filed_on is None:
        found.append(Fault("filed_on", _("Say when it was filed.")))
    if protection.status == ProtectionStatus.GRANTED and protection.granted_on is None:
        found.append(Fault("granted_on", _("Say when it was granted.")))
    if protection.status == ProtectionStatus.PUBLISHED and protection.published_on is None:
        found.append(Fault("published_on", _("Say when it was published.")))
    return found


def _label(name: str) -> str:
    text = str(Protection._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    return text[:1].upper() + text[1:]


# --- deadlines
@transaction.atomic
def add_deadline(
    *,
    case: TransferCase,
    title: str,
    due_on: date,
    by: User,
    protection: Protection | None = None,
    title_zh: str = "",
    obligation: str = ObligationKind.NOTICE,
    escalate_days: int = 14,
    note: str = "",
) -> Deadline:
    """Enter a deadline by hand, such as the answer to an office action. Raises InvalidError for a day gone by.

    An ended case takes none: its deadlines have ended with it.
    """
    locked = _locked_case(case, by)
    if locked.state in ENDED:
        raise ConflictError(_("The case has ended, and its deadlines with it; open it again first."))
    if protection is not None and protection.family.case_id != case.pk:
        raise InvalidError(_("Choose a protection of this case."), field="protection")
    _require_coming(due_on)
    row = Deadline(
        case=locked,
        protection=protection,
        title=title.strip(),
        title_zh=title_zh.strip(),
        obligation=obligation,
        due_on=due_on,
        escalate_days=escalate_days,
        note=note.strip(),
    )
    row.require_clean()
    row.save()
    enter_day(row)
    _told("deadline.add", row, by, locked, what=row.title, day=due_on.isoformat())
    return row


@transaction.atomic
def change_deadline(*, deadline: Deadline, by: User, version: int, **facts: Any) -> Deadline:
    """Change a deadline that was entered by hand. One that a rule counts follows its date."""
    locked = _locked(deadline, by)
    if locked.rule_id is not None:
        raise ConflictError(_("A rule counts this deadline from a date; change the date, or the rule."))
    _require_version(locked, version, facts)
    if locked.state != DeadlineState.OPEN:
        raise ConflictError(_("This deadline is settled already."))
    if "due_on" in facts and facts["due_on"] != locked.due_on:
        _require_coming(facts["due_on"])
        locked.escalated_on = None
    for name in ("title", "title_zh", "due_on", "obligation", "escalate_days", "note"):
        if name in facts:
            value = facts[name]
            setattr(locked, name, value.strip() if isinstance(value, str) else value)
    _save(locked)
    enter_day(locked)
    _told("deadline.change", locked, by, locked.case, what=locked.title, day=locked.due_on.isoformat())
    return locked


@transaction.atomic
def meet_deadline(*, deadline: Deadline, by: User, on: date | None = None, note: str = "") -> Deadline:
    """Say that what fell due was done. The next one of a rule that repeats is entered."""
    on = on or timezone.localdate()
    if on > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="on")
    return _settle(deadline, "meet", by, on, note)


@transaction.atomic
def waive_deadline(*, deadline: Deadline, by: User, note: str) -> Deadline:
    """Decide not to do it, with the reason: that is never anybody's silence."""
    if not note.strip():
        raise InvalidError(_("Say why it is not done."), field="note")
    return _settle(deadline, "waive", by, timezone.localdate(), note)


@transaction.atomic
def reopen_deadline(*, deadline: Deadline, by: User) -> Deadline:
    """It was settled by mistake: it is open again, unless its protection or its case is over."""
    case = _locked_case(deadline.case, by)
    locked = _locked(deadline, by)
    locked.state = DEADLINE_MOVES.require("reopen", locked.state, what=str(locked))
    locked.settled_on, locked.settled_by, locked.by_rule = None, None, False
    _save(locked)
    enter_day(locked)
    recount(case)
    locked = type(locked).objects.get(pk=locked.pk)
    if locked.by_rule and locked.settled_on is not None:
        raise ConflictError(
            _("What was filed on %(day)s meets it; change that filing.") % {"day": date_format(locked.settled_on)}
        )
    _told("deadline.reopen", locked, by, case, what=locked.title, day=locked.due_on.isoformat())
    return locked


def _settle(deadline: Deadline, move: str, by: User, on: date, note: str) -> Deadline:
    case = _locked_case(deadline.case, by)
    locked = _locked(deadline, by)
    locked.state = DEADLINE_MOVES.require(move, locked.state, what=str(locked))
    locked.settled_on, locked.settled_by, locked.by_rule, locked.note = on, by, False, note.strip()
    _save(locked)
    enter_day(locked)
    recount(case)
    _told(f"deadline.{move}", locked, by, case, what=locked.title, day=locked.due_on.isoformat())
    return locked


def _require_coming(day: date) -> None:
    if day < timezone.localdate():
        raise InvalidError(_("%(day)s has gone by; a deadline lies ahead.") % {"day": date_format(day)}, field="due_on")


# --- rules of funders
@transaction.atomic
def choose_funder_rules(
    *,
    case: TransferCase,
    code: str,
    by: User,
    award: str = "",
    reported_on: date | None = None,
    elected_on: date | None = None,
) -> FunderRules:
    """Say that the rules of a funder count for a case, because its money paid for the work."""
    locked = _locked_case(case, by)
    known = DeadlineRuleSet.objects.of(locked.organisation_id).filter(authority=Authority.FUNDER, code=code)
    if not known.exists():
        raise InvalidError(_("There are no such rules of a funder."), field="code")
    if FunderRules.objects.filter(case=locked, code=code, ended_at=None).exists():
        raise ConflictError(_("These rules count for the case already."))
    row = FunderRules(
        case=locked, code=code, award=award.strip(), reported_on=reported_on, elected_on=elected_on, added_by=by
    )
    _check_funder(row)
    row.save()
    recount(locked)
    _told("deadline.choose_rules", row, by, locked, what=code)
    return row


@transaction.atomic
def edit_funder_rules(*, chosen: FunderRules, by: User, version: int, **facts: Any) -> FunderRules:
    """Enter when it was reported and title elected; the deadlines that follow are counted."""
    case = _locked_case(chosen.case, by)
    locked = _locked(chosen, by)
    _require_version(locked, version, facts)
    for name in ("award", "reported_on", "elected_on"):
        if name in facts:
            setattr(locked, name, facts[name])
    _check_funder(locked)
    _save(locked)
    recount(case)
    _told("deadline.edit_rules", locked, by, case, what=locked.code)
    return locked


@transaction.atomic
def drop_funder_rules(*, chosen: FunderRules, by: User) -> FunderRules:
    """They no longer count for the case; their open deadlines fall away."""
    case = _locked_case(chosen.case, by)
    locked = _locked(chosen, by)
    if locked.ended_at is not None:
        raise ConflictError(_("These rules count no more already."))
    locked.ended_at = timezone.now()
    _save(locked)
    recount(case)
    _told("deadline.drop_rules", locked, by, case, what=locked.code)
    return locked


def _check_funder(row: FunderRules) -> None:
    today = timezone.localdate()
    for name in ("reported_on", "elected_on"):
        day = getattr(row, name)
        if day is not None and day > today:
            raise InvalidError(_("This day has not come yet."), field=name)
    disclosed = row.case.disclosed_on
    if row.reported_on is not None and disclosed is not None and row.reported_on < disclosed:
        raise InvalidError(
            _("It was disclosed on %(day)s, so it was not reported before.") % {"day": date_format(disclosed)},
            field="reported_on",
        )
    if row.elected_on is not None and row.reported_on is not None and row.elected_on < row.reported_on:
        raise InvalidError(
            _("It was reported on %(day)s, so title was not elected before.") % {"day": date_format(row.reported_on)},
            field="elected_on",
        )
    row.require_clean()


# --- money
@transaction.atomic
def add_cost(
    *,
    protection: Protection,
    kind: str,
    amount: Any,
    currency: str,
    incurred_on: date,
    by: User,
    paid_on: date | None = None,
    counsel: Counsel | None = None,
    reference: str = "",
    note: str = "",
) -> ProtectionCost:
    """Enter what a protection cost. Raises InvalidError naming the field for money that cannot be."""
    require(by, "protection.manage", protection)
    currency = known_currency(currency.strip().upper() if isinstance(currency, str) else currency, field="currency")
    exact = amount_in(amount, currency, field="amount")
    if not exact:
        raise InvalidError(_("Write what it cost."), field="amount")
    row = ProtectionCost(
        protection=protection,
        kind=kind,
        amount=exact,
        currency=currency,
        incurred_on=incurred_on,
        paid_on=paid_on,
        counsel=counsel,
        reference=reference.strip(),
        note=note.strip(),
        entered_by=by,
    )
    _check_counsel(counsel, protection.family.case.organisation_id)
    _check_cost_days(row)
    row.require_clean()
    row.save()
    _told(
        "protection.add_cost", row, by, protection.family.case, what=str(protection), amount=str(exact),
        currency=currency,
    )  # fmt: skip
    return row


@transaction.atomic
def pay_cost(*, cost: ProtectionCost, paid_on: date, by: User, version: int | None = None) -> ProtectionCost:
    """Say that it was paid; from then on it can be repaid from income."""
    locked = _locked(cost, by)
    if version is not None:
        _require_version(locked, version, {})
    if locked.paid_on is not None or locked.cancelled_at is not None:
        raise ConflictError(_("It is paid or cancelled already."))
    locked.paid_on = paid_on
    _check_cost_days(locked)
    _save(locked)
    _told(
        "protection.pay_cost", locked, by, locked.protection.family.case, what=str(locked.protection),
        amount=str(locked.amount.normalize()), currency=locked.currency,
    )  # fmt: skip
    return locked


@transaction.atomic
def cancel_cost(*, cost: ProtectionCost, reason: str, by: User) -> ProtectionCost:
    """It was entered by mistake. What was repaid, or is asked for by an invoice, cannot be cancelled."""
    locked = _locked(cost, by)
    if locked.cancelled_at is not None:
        raise ConflictError(_("It is cancelled already."))
    if locked.repaid_amount:
        raise ConflictError(_("A part of it was repaid from income; that is corrected first."))
    asked = asked_by(locked)
    if asked:
        raise ConflictError(
            _("A licensee is asked to repay it: %(papers)s. Take that back first.") % {"papers": _(", ").join(asked)},
            code="billed",
        )
    if not reason.strip():
        raise InvalidError(_("Say why it is cancelled."), field="reason")
    locked.cancelled_at, locked.cancel_reason = timezone.now(), reason.strip()
    _save(locked)
    _told(
        "protection.cancel_cost", locked, by, locked.protection.family.case, what=str(locked.protection),
        amount=str(locked.amount.normalize()), currency=locked.currency,
    )  # fmt: skip
    return locked


def repay_cost(*, cost: ProtectionCost, amount: Decimal) -> ProtectionCost:
    """Note that income repaid a part of it; a negative part takes that back. Called inside the verb that distributes.

    Raises ConflictError for more than is left.
    """
    locked = ProtectionCost.objects.select_for_update().get(pk=cost.pk)
    repaid = locked.repaid_amount + amount
    if not 0 <= repaid <= locked.amount or locked.paid_on is None or locked.cancelled_at is not None:
        raise ConflictError(
            _("Of %(cost)s, %(left)s is left to repay.") % {"cost": locked, "left": locked.left.normalize()}
        )
    locked.repaid_amount, locked.repaid = repaid, repaid == locked.amount
    locked.version += 1
    locked.save()
    return locked


def _check_cost_days(row: ProtectionCost) -> None:
    today = timezone.localdate()
    for name in ("incurred_on", "paid_on"):
        day = getattr(row, name)
        if day is not None and day > today:
            raise InvalidError(_("This day has not come yet."), field=name)
    if row.paid_on is not None and row.paid_on < row.incurred_on:
        raise InvalidError(_("It was not paid before it was incurred."), field="paid_on")


def _check_counsel(counsel: Counsel | None, organisation_id: Any) -> None:
    if counsel is not None and counsel.organisation_id != organisation_id:
        raise InvalidError(_("Choose counsel of this organisation."), field="counsel")


# --- counsel
@transaction.atomic
def add_counsel(*, organisation: Organisation, name: str, by: User, **facts: Any) -> Counsel:
    """Enter somebody who advises the organisation."""
    require(by, "protection.manage", organisation)
    row = Counsel(organisation=organisation, name=name.strip(), **_stripped(facts))
    row.require_clean()
    if Counsel.objects.filter(organisation=organisation, name=row.name, firm=row.firm).exists():
        raise InvalidError(_("%(name)s is entered already.") % {"name": row}, field="name")
    row.save()
    record(verb="protection.add_counsel", subject=row, by=by, organisation_id=organisation.pk, data={"what": str(row)})
    return row


@transaction.atomic
def edit_counsel(*, counsel: Counsel, by: User, version: int, **facts: Any) -> Counsel:
    require(by, "protection.manage", counsel)
    locked = Counsel.objects.select_for_update().get(pk=counsel.pk)
    _require_version(locked, version, facts)
    for name, value in _stripped(facts).items():
        setattr(locked, name, value)
    _save(locked)
    record(
        verb="protection.edit_counsel", subject=locked, by=by, organisation_id=locked.organisation_id,
        data={"what": str(locked)},
    )  # fmt: skip
    return locked


# --- what the verbs share
def _locked_case(case: TransferCase, by: User) -> TransferCase:
    """Held before any row of it: a case that turns is held as well when its deadlines are counted."""
    require(by, "protection.manage", case)
    TransferCase.objects.select_for_update().get(pk=case.pk)
    return TransferCase.objects.select_related("organisation", "disclosure").get(pk=case.pk)


def _locked(row: M, by: User) -> M:
    require(by, "protection.manage", row)
    return type(row)._default_manager.select_for_update().get(pk=row.pk)


def _require_version(row: Any, version: int, facts: Mapping[str, Any]) -> None:
    if row.version != version:
        now = {name: getattr(row, name) for name in facts}
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."), now=now)


def _save(row: Any) -> None:
    row.version += 1
    row.require_clean()
    row.save()


def _stripped(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.strip() if isinstance(value, str) else value for name, value in facts.items()}


def _told(verb: str, subject: models.Model, by: User, case: TransferCase, **data: Any) -> None:
    record(
        verb=verb, subject=subject, by=by, organisation_id=case.organisation_id, data={"docket": case.docket, **data}
    )
