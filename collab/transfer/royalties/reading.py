"""Computations, rules and policies in words."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.transfer.royalties.acts import said
from collab.transfer.royalties.computing import Basis
from collab.transfer.royalties.models import ACCOUNT_WORDS
from collab.transfer.royalties.policies import Account, Deduction, InventorSplit, Policy, percent_text
from collab.transfer.royalties.reimbursing import AUDIT_RULE
from collab.transfer.royalties.reimbursing import RULE as REIMBURSED

EXAMPLE_WORDS = {
    "northwestern": gettext_lazy("15 % of gross to the office, then costs, then shares (as Northwestern)"),
    "llu": gettext_lazy("10 % until direct costs are repaid, then thirds (as LLU)"),
    "dayton": gettext_lazy("20 % of gross, then costs, then half to the inventors (as Dayton)"),
    "notre_dame": gettext_lazy("half of the first 100,000 net, then a quarter (as Notre Dame)"),
    "ncsu": gettext_lazy("first what sponsors and other institutions are owed (as NCSU)"),
}
BASES = frozenset({"units", "sublicence_income"})  # lines that say what the next is a part of, and owe nothing
_OUTCOMES = frozenset({"net", "royalty", "due"})  # lines that sum up those above them


def say_lines(lines: list[dict[str, Any]], currency: str) -> list[dict[str, Any]]:
    """The steps of a computation, each in a sentence with its sum."""
    return [
        {
            "text": say_line(line, currency),
            "amount": None if line["code"] in BASES else line["amount"],
            "sums": line["code"] in _OUTCOMES,
        }
        for line in lines
    ]


def say_line(line: dict[str, Any], currency: str) -> str:
    """One step of a computation in a sentence."""
    told = line["told"]
    rate = _percent(line["rate"]) if line["rate"] is not None else ""
    base = line["base"]
    if line["code"] == "gross":
        return _("Gross sales: %(product)s") % told
    if line["code"] == "units":
        return _("Units sold: %(product)s, %(n)s") % {"product": told["product"], "n": _plain(base)}
    if line["code"] == "deductions":
        asked = said(told["asked"], currency)
        if line["rate"] is None:
            return _("Deductions")
        return _("Deductions: %(asked)s were claimed, at most %(rate)s %% of gross sales count") % {
            "asked": asked,
            "rate": rate,
        }
    if line["code"] == "tier":
        unit = _basis(base, currency, line)
        return _("Tier %(n)d: %(rate)s of %(base)s") % {"n": told["tier"], **unit}
    if line["code"] == "cap":
        return _("Royalties reach their limit of %(cap)s; %(before)s was owed before") % {
            "cap": said(told["cap"], currency),
            "before": said(told["before"], currency),
        }
    if line["code"] == "minimum_made_up":
        return _("Made up to the annual minimum of %(minimum)s; %(earned)s was earned in the year") % {
            "minimum": said(told["minimum"], currency),
            "earned": said(told["earned"], currency),
        }
    if line["code"] == "minimum_in_full":
        return _("Annual minimum of %(minimum)s, beside the royalties") % {"minimum": said(told["minimum"], currency)}
    if line["code"] == "sublicence_income":
        return _("Income from the sublicence to %(name)s: %(income)s") % {
            "name": told["name"],
            "income": said(int(Decimal(base)), currency),
        }
    if line["code"] == "sublicence":
        income = said(int(Decimal(base)), currency)
        return _("Share of sublicence income: %(rate)s %% of %(income)s") % {"rate": rate, "income": income}
    return {"net": _("Net sales"), "royalty": _("Running royalty"), "due": _("Owed for the period")}[line["code"]]


def _basis(base: Any, currency: str, line: dict[str, Any]) -> dict[str, str]:
    if line["told"].get("basis") == Basis.UNITS:
        return {"rate": f"{_plain(line['rate'])} {currency}", "base": _("%(n)s units") % {"n": _plain(base)}}
    return {"rate": f"{_percent(line['rate'])} %", "base": said(int(Decimal(base)), currency)}


def _plain(number: Any) -> str:
    return f"{Decimal(number).normalize():,f}"


_percent = _plain


# --- rules of the ledger
def say_rule(rule: str) -> str:
    """Why an entry is what it is."""
    return _(" and ").join(_say_one(part) for part in rule.split(" + ") if part)


def _say_one(rule: str) -> str:
    kind, _colon, rest = rule.partition(":")
    if kind == "office":
        return _("%(share)s %% to the office") % {"share": rest}
    if kind == "third_party":
        return _("%(share)s %% owed to a third party") % {"share": rest}
    if kind == "licensor":
        return _("%(share)s %% to a further licensor") % {"share": rest}
    if kind == "tier":
        number, _colon, share = rest.partition(":")
        return _("tier %(n)s: %(share)s %%") % {"n": number, "share": share}
    if kind == REIMBURSED:
        return _("repaid by the licensee")
    if kind == AUDIT_RULE:
        return _("cost of an audit, repaid by the licensee")
    return _("costs repaid") if kind == "costs" else rule


def say_policy(policy: Policy, currency: str) -> Iterator[str]:
    """A policy, rule by rule."""
    for step in policy.deductions:
        of = _("of what was received") if step.of_gross else _("of what is left")
        if step.kind == Deduction.THIRD_PARTIES:
            yield _("What third parties are owed %(of)s") % {"of": of}
        elif step.kind == Deduction.COSTS:
            yield _("Costs of protection that nobody has repaid, the oldest first")
        elif step.until_costs:
            yield _("%(share)s %% to the office, until the costs are repaid") % {"share": percent_text(step.share)}
        else:
            yield _("%(share)s %% %(of)s to the office") % {"share": percent_text(step.share), "of": of}
    for tier in policy.tiers:
        shares = _(", ").join(
            f"{ACCOUNT_WORDS[account]} {percent_text(share)} %" for account, share in tier.shares.items() if share
        )
        if tier.up_to is None and len(policy.tiers) == 1:
            yield _("What is left: %(shares)s") % {"shares": shares}
        elif tier.up_to is None:
            yield _("What is left above that: %(shares)s") % {"shares": shares}
        else:
            yield _("What is left, up to %(bound)s of a case: %(shares)s") % {
                "bound": said(tier.up_to, currency),
                "shares": shares,
            }
    yield (
        _("The inventors of a case get equal parts")
        if policy.split == InventorSplit.EQUAL
        else _("The inventors of a case get the shares that they signed")
    )


def account_rows(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Sums by account, with the account's name."""
    return [{"name": ACCOUNT_WORDS[Account(code)], "amount": amount} for code, amount in summary.get("accounts", [])]
