"""Publishing rule sets of deadlines: a new version takes the place of the last one from a day on."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.inbox.states import ObligationKind
from collab.kernel.errors import Fault, FaultyInputError, InvalidError
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.protection.counting import Rules, recount
from collab.transfer.protection.models import Protection
from collab.transfer.protection.rules import Authority, DeadlineRule, DeadlineRuleSet, FunderRules
from collab.transfer.protection.states import CASE_BASES, BaseDate, ProtectionKind

SHIPPED = Path(__file__).resolve().parent / "shipped"
RULE_FIELDS = (
    "code", "title", "title_zh", "kinds", "base", "months", "days", "every_months", "until_months", "obligation",
    "met_by", "met_by_date", "escalate_days", "note", "note_zh",
)  # fmt: skip
RULES_MAX = 60


@transaction.atomic
def publish_rule_set(
    *,
    code: str,
    authority: str,
    name: str,
    rules: Sequence[Mapping[str, Any]],
    effective_from: date,
    by: User | None,
    organisation: Organisation | None = None,
    jurisdiction: str = "",
    name_zh: str = "",
    source: str = "",
    is_example: bool = False,
) -> DeadlineRuleSet:
    """Publish a version. The deadlines of cases whose dates it counts for are counted anew.

    `organisation`: whose own rules they are; they count there instead of those for all with the same code. Raises
    FaultyInputError naming the rule at fault, InvalidError when it would begin before the version that it follows.
    """
    if organisation is not None:
        assert by is not None
        require(by, "protection.manage", organisation)
    mine = DeadlineRuleSet.objects.filter(code=code, organisation=organisation)
    last = mine.select_for_update().order_by("-number").first()
    if last is not None and effective_from <= last.effective_from:
        raise InvalidError(
            _("Version %(number)d counts from %(day)s; a new one begins later.")
            % {"number": last.number, "day": date_format(last.effective_from)},
            field="effective_from",
        )
    made = DeadlineRuleSet(
        code=code,
        number=last.number + 1 if last else 1,
        organisation=organisation,
        authority=authority,
        jurisdiction=jurisdiction,
        name=name.strip(),
        name_zh=name_zh.strip(),
        source=source.strip(),
        is_example=is_example,
        effective_from=effective_from,
        published_by=by,
    )
    if (authority == Authority.OFFICE) != bool(jurisdiction):
        raise InvalidError(_("The rules of an office name it; those of a funder do not."), field="jurisdiction")
    others = DeadlineRuleSet.objects.of(organisation.pk if organisation else None).filter(code=code)
    if others.exclude(authority=authority, jurisdiction=jurisdiction).exists():
        raise InvalidError(_("“%(code)s” names the rules of another office or funder.") % {"code": code}, field="code")
    made.require_clean()
    parsed = [_rule(made, position, row) for position, row in enumerate(rules)]
    _check(parsed, authority)
    if last is not None:
        last.effective_to = effective_from
        last.save()
    made.save()
    DeadlineRule.objects.bulk_create(parsed)
    record(
        verb="rule_set.publish",
        subject=made,
        by=by,
        organisation_id=organisation.pk if organisation else None,
        data={"what": made.name, "number": made.number, "day": effective_from.isoformat()},
    )
    count_for(made)
    return made


def count_for(rule_set: DeadlineRuleSet) -> int:
    """Count the cases anew for which a rule set may matter; how many."""
    if rule_set.authority == Authority.OFFICE:
        found = Protection.objects.filter(jurisdiction=rule_set.jurisdiction).values("family__case")
    else:
        found = FunderRules.objects.filter(code=rule_set.code, ended_at=None).values("case")
    cases = TransferCase.objects.filter(pk__in=found).select_related("organisation", "disclosure")
    if rule_set.organisation_id:
        cases = cases.filter(organisation=rule_set.organisation_id)
    known: dict[Any, Rules] = {}
    count = 0
    for case in cases.order_by("organisation", "pk").iterator(chunk_size=200):
        rules = known.setdefault(case.organisation_id, Rules(case.organisation_id))
        recount(case, rules=rules)
        count += 1
    return count


def load_shipped() -> int:
    """Publish the example rule sets that come with Tandem; what is there already stays. How many are new."""
    count = 0
    for path in sorted(SHIPPED.glob("*.toml")):
        given = tomllib.loads(path.read_text(encoding="utf-8"))
        known = DeadlineRuleSet.objects.filter(code=given["code"], organisation=None)
        if known.filter(effective_from__gte=given["effective_from"]).exists():
            continue
        publish_rule_set(**given, is_example=True, by=None)
        count += 1
    return count


def _rule(rule_set: DeadlineRuleSet, position: int, row: Mapping[str, Any]) -> DeadlineRule:
    unknown = sorted(set(row) - set(RULE_FIELDS))
    path = f"rules[{position}]"
    if unknown:
        raise FaultyInputError([Fault(f"{path}.{unknown[0]}", _("There is no such field."))], field="rules")
    rule = DeadlineRule(rule_set=rule_set, position=position, **row)
    try:
        rule.require_clean(exclude=["rule_set"])
    except FaultyInputError as error:
        faults = [Fault(f"{path}.{fault.path}", fault.text) for fault in error.faults]
        raise FaultyInputError(faults, field="rules") from None
    return rule


def _check(rules: list[DeadlineRule], authority: str) -> None:
    faults: list[Fault] = []
    if not 0 < len(rules) <= RULES_MAX:
        faults.append(Fault("rules", _("Give at least one rule, and at most %(n)d.") % {"n": RULES_MAX}))
    codes = [rule.code for rule in rules]
    for position, rule in enumerate(rules):
        path = f"rules[{position}]"
        if codes.count(rule.code) > 1:
            faults.append(Fault(f"{path}.code", _("“%(code)s” stands there twice.") % {"code": rule.code}))
        for name in ("kinds", "met_by"):
            value = getattr(rule, name)
            if not isinstance(value, list) or any(item not in set(ProtectionKind) for item in value):
                faults.append(Fault(f"{path}.{name}", _("Name kinds of protection.")))
        if rule.obligation not in set(ObligationKind):
            faults.append(Fault(f"{path}.obligation", _("Choose a kind.")))
        if authority == Authority.FUNDER and rule.base not in CASE_BASES:
            faults.append(Fault(f"{path}.base", _("The rules of a funder count from dates of the case.")))
        if authority == Authority.OFFICE and rule.base in {BaseDate.REPORTED, BaseDate.ELECTED}:
            faults.append(Fault(f"{path}.base", _("Only the rules of a funder count from this date.")))
        if not rule.months and not rule.days:
            faults.append(Fault(f"{path}.months", _("Say how many months or days.")))
        if rule.until_months is not None and not rule.every_months:
            faults.append(Fault(f"{path}.until_months", _("Only what comes again has a last time.")))
        if rule.until_months is not None and rule.until_months < rule.months:
            faults.append(Fault(f"{path}.until_months", _("The last time does not come before the first.")))
    if faults:
        raise FaultyInputError(faults, field="rules")
