"""Verbs on what is entered by hand and dated: exchange rates, late interest, the policy, shares of third parties."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Min, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import Missing, require
from collab.accounts.models import Organisation, User
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.royalties.acts import note_books, require_version
from collab.transfer.royalties.audit_models import RoyaltyAudit
from collab.transfer.royalties.models import (
    CostRepayment,
    Distribution,
    ExchangeRate,
    InterestRule,
    Invoice,
    PolicyVersion,
    Receipt,
    RoyaltyPolicy,
    ScheduledPayment,
    ThirdPartyShare,
)
from collab.transfer.royalties.money import convert, digits_of
from collab.transfer.royalties.policies import percent_text, read_policy
from collab.transfer.royalties.states import AuditState, InvoiceState

RATE_DAYS_MAX = 366
RATE_MOST = Decimal(10) ** 9


@transaction.atomic
def enter_rate(
    *,
    organisation: Organisation,
    source: str,
    target: str,
    from_on: date,
    rate: Decimal,
    by: User,
    until_on: date | None = None,
    reference: str = "",
) -> ExchangeRate:
    """Enter what one unit of `source` is worth in `target`, for a day or a span of days."""
    require(by, "royalty.manage", organisation)
    for field, code in (("source", source), ("target", target)):
        digits_of(code, field=field)
    if source == target:
        raise InvalidError(_("Choose two currencies."), field="target")
    last = until_on or from_on
    if last < from_on:
        raise InvalidError(_("It would end before it begins."), field="until_on")
    if (last - from_on).days >= RATE_DAYS_MAX:
        raise InvalidError(_("A rate holds for a year at most."), field="until_on")
    if not 0 < rate <= RATE_MOST:
        raise InvalidError(_("A rate is more than nothing, and not absurd."), field="rate")
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    held = ExchangeRate.objects.filter(
        organisation=organisation, source=source, target=target, from_on__lte=last, until_on__gte=from_on
    ).first()
    if held is not None:
        raise ConflictError(
            _("For %(first)s to %(last)s the rate %(rate)s is entered already.")
            % {"first": date_format(held.from_on), "last": date_format(held.until_on), "rate": f"{held.rate:f}"}
        )
    row = ExchangeRate(
        organisation=organisation, source=source, target=target, from_on=from_on, until_on=last, rate=rate,
        reference=reference.strip(), entered_by=by,
    )  # fmt: skip
    row.require_clean()
    row.save()
    note_books(
        "royalty.rate", row, by, organisation, source=source, target=target, rate=f"{rate.normalize():f}",
        day=from_on.isoformat(),
    )  # fmt: skip
    return row


@transaction.atomic
def end_rate(*, rate: ExchangeRate, until_on: date, reason: str, by: User) -> ExchangeRate:
    """Let a rate hold until an earlier day; for the days after it another one is entered.

    What was received by it keeps it: a receipt says by which rate it was booked.
    """
    row = _locked_rate(rate, by, reason)
    if until_on < row.from_on:
        raise InvalidError(_("It would end before it begins."), field="until_on")
    if until_on >= row.until_on:
        text = _("It holds until %(day)s already; choose an earlier day.")
        raise InvalidError(text % {"day": date_format(row.until_on)}, field="until_on")
    row.until_on = until_on
    row.save(update_fields=["until_on"])
    note_books(
        "royalty.end_rate", row, by, row.organisation, source=row.source, target=row.target,
        rate=f"{row.rate.normalize():f}", day=until_on.isoformat(), reason=reason.strip()[:200],
    )  # fmt: skip
    return row


@transaction.atomic
def withdraw_rate(*, rate: ExchangeRate, reason: str, by: User) -> None:
    """Take away a rate by which nothing was reckoned yet. Raises ConflictError naming what was."""
    row = _locked_rate(rate, by, reason)
    used = _used(row)
    if used:
        raise ConflictError(
            _("By this rate %(what)s was reckoned. End it instead, and enter another one from the day after.")
            % {"what": used}
        )
    note_books(
        "royalty.withdraw_rate", row, by, row.organisation, source=row.source, target=row.target,
        rate=f"{row.rate.normalize():f}", day=row.from_on.isoformat(), reason=reason.strip()[:200],
    )  # fmt: skip
    row.delete()


def _locked_rate(rate: ExchangeRate, by: User, reason: str) -> ExchangeRate:
    require(by, "royalty.manage", rate)
    Organisation.objects.select_for_update().get(pk=rate.organisation_id)
    row = ExchangeRate.objects.select_for_update(of=("self",)).select_related("organisation").filter(pk=rate.pk).first()
    if row is None:
        raise ConflictError(_("This rate was withdrawn already."))
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    return row


def _used(row: ExchangeRate) -> str:
    """What was reckoned by a rate: a receipt, a cost that was repaid, a cost that a licensee is asked for."""
    days = (row.from_on, row.until_on)
    receipt = Receipt.objects.filter(
        organisation=row.organisation, currency=row.source, book_currency=row.target, received_on__range=days
    ).first()
    if receipt is not None:
        return str(receipt)
    of_cost = {"cost__currency": row.source, "cost__paid_on__range": days}
    repaid = CostRepayment.objects.filter(
        distribution__organisation=row.organisation, distribution__currency=row.target, **of_cost
    ).select_related("cost__protection").first()  # fmt: skip
    if repaid is not None:
        return str(repaid.cost)
    asked = ScheduledPayment.objects.asking().filter(
        licence__licensor=row.organisation, currency=row.target, **of_cost
    ).first()  # fmt: skip
    return str(asked) if asked is not None else ""


def rate_on(organisation: Organisation, source: str, target: str, day: date) -> Decimal:
    """The rate of a day. Raises InvalidError, naming the day and the currencies, when none was entered."""
    row = ExchangeRate.objects.filter(
        organisation=organisation, source=source, target=target, from_on__lte=day, until_on__gte=day
    ).first()
    if row is None:
        raise InvalidError(
            _("No rate from %(source)s to %(target)s is entered for %(day)s.")
            % {"source": source, "target": target, "day": date_format(day)},
            field="rate",
            code="no_rate",
        )
    return row.rate


def booked(organisation: Organisation, minor: int, currency: str, target: str, day: date) -> tuple[int, Decimal | None]:
    """A sum in the currency of the books, and the rate that was used; None where none was needed."""
    if currency == target:
        return minor, None
    rate = rate_on(organisation, currency, target, day)
    return convert(minor, currency, target, rate), rate


@transaction.atomic
def set_interest(*, organisation: Organisation, from_on: date, percent: Decimal, by: User) -> InterestRule:
    """The rate of late interest from a day on, for licences that name none of their own."""
    require(by, "royalty.manage", organisation)
    row = InterestRule(organisation=organisation, from_on=from_on, percent=percent, entered_by=by)
    row.require_clean()
    if InterestRule.objects.filter(organisation=organisation, from_on=from_on).exists():
        raise ConflictError(_("A rate from %(day)s is entered already.") % {"day": date_format(from_on)})
    row.save()
    note_books("royalty.interest", row, by, organisation, percent=f"{percent.normalize():f}", day=from_on.isoformat())
    return row


@transaction.atomic
def withdraw_interest(*, rule: InterestRule, reason: str, by: User) -> None:
    """Take away a rate of late interest by which none was asked for yet; a right one may begin the same day."""
    require(by, "royalty.manage", rule)
    Organisation.objects.select_for_update().get(pk=rule.organisation_id)
    row = InterestRule.objects.select_for_update(of=("self",)).select_related("organisation").filter(pk=rule.pk).first()
    if row is None:
        raise ConflictError(_("This rate was withdrawn already."))
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    used = reckoned_interest(row.organisation).get(row.pk)
    if isinstance(used, RoyaltyAudit):
        raise ConflictError(
            _("By this rate the interest in “%(audit)s” was reckoned; enter another one from a later day.")
            % {"audit": used}
        )
    if used is not None:
        raise ConflictError(
            _("By this rate the interest on %(invoice)s was reckoned; take that invoice back first.")
            % {"invoice": used.reference}
        )
    note_books(
        "royalty.withdraw_interest", row, by, row.organisation, percent=f"{row.percent.normalize():f}",
        day=row.from_on.isoformat(), reason=reason.strip()[:200],
    )  # fmt: skip
    row.delete()


def reckoned_interest(organisation: Organisation) -> dict[UUID, Invoice | RoyaltyAudit]:
    """The first thing that was reckoned by each rate of late interest: an invoice, or an audit; in three queries."""
    used: list[tuple[date, date, Invoice | RoyaltyAudit]] = []  # due on this day, late until that one
    by_rule = {"licence__licensor": organisation, "licence__late_interest_percent": None}
    asked = Invoice.objects.filter(interest_on__isnull=False, credits=None, **by_rule)
    asked = asked.exclude(state=InvoiceState.CANCELLED).select_related("organisation", "interest_on")
    for invoice in asked.order_by("number"):
        assert invoice.interest_on is not None  # as filtered
        used.append((invoice.interest_on.due_on, invoice.issued_on, invoice))
    told = RoyaltyAudit.objects.filter(interest__gt=0, state__in=[AuditState.REPORTED, AuditState.AGREED], **by_rule)
    for audit in told.with_licence().annotate(first=Min("corrections__report__due_on")).order_by("number"):
        until = timezone.localdate(audit.answered_at or audit.reported_at)
        used.append((audit.first or audit.starts_on, until, audit))
    rules = list(InterestRule.objects.filter(organisation=organisation).order_by("from_on"))
    found: dict[UUID, Invoice | RoyaltyAudit] = {}
    for rule, after in zip(rules, [*rules[1:], None], strict=True):
        for due_on, until, what in used:
            if until >= rule.from_on and (after is None or due_on < after.from_on):
                found.setdefault(rule.pk, what)
    return found


# --- the policy
def policy_of(organisation: Organisation) -> RoyaltyPolicy:
    """The books of an organisation. Raises NotReadyError when it has none yet."""
    found = RoyaltyPolicy.objects.filter(organisation=organisation).first()
    if found is None:
        raise NotReadyError(
            [Missing("no_royalty_policy", _("%(name)s has no royalty policy yet.") % {"name": organisation})]
        )
    return found


@transaction.atomic
def set_policy(
    *,
    organisation: Organisation,
    currency: str,
    content: Any,
    effective_on: date,
    by: User,
    note: str = "",
    version: int | None = None,
) -> PolicyVersion:
    """Enter how income is divided that is received from a day on. The first version also opens the books.

    Raises InvalidError naming the rule that does not add up, ConflictError for another currency once money came in.
    """
    require(by, "royalty.manage", organisation)
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    digits_of(currency)
    read_policy(content, currency=currency)
    policy = RoyaltyPolicy.objects.select_for_update().filter(organisation=organisation).first()
    if policy is None:
        policy = RoyaltyPolicy(organisation=organisation, currency=currency, version=0)
    else:
        require_version(policy, version)
    if policy.currency != currency:
        if Receipt.objects.filter(organisation=organisation).exists() or policy.versions.exists():
            raise ConflictError(_("The books are kept in %(currency)s.") % {"currency": policy.currency})
        policy.currency = currency
    policy.version += 1
    policy.save()
    last = policy.versions.first()
    if last is not None and effective_on <= last.effective_on:
        raise InvalidError(
            _("A new version begins after the last one, which holds from %(day)s.")
            % {"day": date_format(last.effective_on)},
            field="effective_on",
        )
    row = PolicyVersion(
        policy=policy,
        number=(last.number if last else 0) + 1,
        effective_on=effective_on,
        content=content,
        note=note.strip(),
        created_by=by,
    )
    row.require_clean()
    row.save()
    note_books("royalty.policy", row, by, organisation, number=row.number, day=effective_on.isoformat())
    return row


@transaction.atomic
def withdraw_policy(*, version: PolicyVersion, reason: str, by: User) -> None:
    """Take away the newest version while nothing was received that it divides; a right one may begin on any day after
    the version before.

    Raises ConflictError for an older one, and naming what was received since its day or divided by it.
    """
    require(by, "royalty.manage", version)
    Organisation.objects.select_for_update().get(pk=version.policy.organisation_id)
    row = PolicyVersion.objects.select_related("policy__organisation").filter(pk=version.pk).first()
    if row is None:
        raise ConflictError(_("This version was withdrawn already."))
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    if not is_withdrawable(row):
        raise ConflictError(
            _("Only the newest version is withdrawn, and only while nothing was received from its day on.")
        )
    organisation = row.policy.organisation
    row.policy.version += 1
    row.policy.save(update_fields=["version"])
    note_books(
        "royalty.withdraw_policy", row, by, organisation, number=row.number, day=row.effective_on.isoformat(),
        reason=reason.strip()[:200],
    )  # fmt: skip
    row.delete()


def is_withdrawable(version: PolicyVersion) -> bool:
    """Whether it is the newest of its policy, with nothing received that it divides."""
    received = Receipt.objects.filter(
        organisation=version.policy.organisation_id, received_on__gte=version.effective_on
    ).standing()
    newer = PolicyVersion.objects.filter(policy=version.policy_id, number__gt=version.number)
    divided = Distribution.objects.filter(policy=version)
    return not (newer.exists() or received.exists() or divided.exists())


def version_on(versions: list[PolicyVersion], day: date) -> PolicyVersion | None:
    """The version that holds for what was received on a day."""
    return max((row for row in versions if row.effective_on <= day), key=lambda row: row.effective_on, default=None)


# --- third parties
@transaction.atomic
def add_third_party(
    *,
    case: TransferCase,
    name: str,
    percent: Decimal,
    from_on: date,
    by: User,
    until_on: date | None = None,
    ground: str = "",
) -> ThirdPartyShare:
    """Somebody outside is owed a part of what a case brings. Raises InvalidError with the sum when that is too much."""
    require(by, "royalty.manage", case.organisation)
    require(by, "case.view", case)
    TransferCase.objects.select_for_update(of=("self",)).get(pk=case.pk)
    row = ThirdPartyShare(
        case=case, name=name.strip(), percent=percent, from_on=from_on, until_on=until_on, ground=ground.strip(),
        entered_by=by,
    )  # fmt: skip
    row.require_clean()
    if percent <= 0:
        raise InvalidError(_("A share of nothing is owed to nobody."), field="percent")
    if until_on is not None and until_on <= from_on:
        raise InvalidError(_("It would end before it begins."), field="until_on")
    others = ThirdPartyShare.objects.filter(case=case).filter(Q(until_on=None) | Q(until_on__gt=from_on))
    if until_on is not None:
        others = others.filter(from_on__lt=until_on)
    total = sum((one.percent for one in others), percent)
    if total > 100:
        raise InvalidError(
            _("Third parties would be owed %(sum)s %% of what the case brings, more than all.")
            % {"sum": percent_text(Fraction(total) / 100)},
            field="percent",
        )
    row.save()
    note_books("royalty.third_party", row, by, case.organisation, case=str(case.pk), percent=f"{percent.normalize():f}")
    return row


@transaction.atomic
def end_third_party(*, share: ThirdPartyShare, until_on: date, by: User, version: int | None = None) -> ThirdPartyShare:
    """They are owed nothing of what is received from this day on."""
    require(by, "royalty.manage", share.case.organisation)
    locked = ThirdPartyShare.objects.select_for_update(of=("self",)).select_related("case__organisation").get(
        pk=share.pk
    )  # fmt: skip
    require_version(locked, version)
    if until_on <= locked.from_on:
        raise InvalidError(_("It would end before it begins."), field="until_on")
    if until_on < timezone.localdate() - timedelta(days=366):
        raise InvalidError(_("This day is in the past."), field="until_on")
    locked.until_on = until_on
    locked.version += 1
    locked.save()
    note_books(
        "royalty.end_third_party", locked, by, locked.case.organisation, case=str(locked.case_id),
        day=until_on.isoformat(),
    )  # fmt: skip
    return locked
