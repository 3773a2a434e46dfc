"""Pages of rule sets: read them, and publish a version for one's own organisation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import Missing, get_or_404, visible_to
from collab.accounts.models import Organisation
from collab.kernel.errors import RefusedError
from collab.kernel.names import slug_of
from collab.transfer.protection.forms import RuleBeginForm, RuleFormSet, RuleSetForm
from collab.transfer.protection.rules import DeadlineRuleSet
from collab.transfer.protection.ruling import RULE_FIELDS, publish_rule_set
from collab.transfer.rooms import rooms_of
from collab.web.forms import sent, show, submit
from collab.web.pagination import page_of


def rule_sets(request: HttpRequest) -> HttpResponse:
    rows = DeadlineRuleSet.objects.visible_to(request.user).select_related("organisation")
    context = {
        "page": page_of(request, rows.order_by("authority", "code", "organisation", "-number")),
        "may_begin": _houses(request).exists(),
        "rooms": rooms_of(request.user, "rule_sets"),
    }
    return show(request, "collab/transfer/protection/rule_sets.html", context)


def rule_set(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _found(request, pk)
    context = {
        "set": found,
        "rules": list(found.rules.all()),
        "may_publish": _houses(request).exists(),
        "today": timezone.localdate(),
    }
    return show(request, "collab/transfer/protection/rule_set.html", context)


def rule_set_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A version of one's own organisation, beginning from this one."""
    found = _found(request, pk)
    houses = _required_houses(request)
    shown = {"name": found.name, "name_zh": found.name_zh, "source": found.source, "organisation": houses.first()}
    form = RuleSetForm(sent(request), organisations=houses, initial=shown)
    given = [{name: getattr(rule, name) for name in RULE_FIELDS} for rule in found.rules.all()]
    table = RuleFormSet(sent(request), initial=given, prefix="rules")
    facts = {name: getattr(found, name) for name in ("code", "authority", "jurisdiction")}
    return _publishing(request, form, table, facts, {"set": found, "title": _("Publish our own version")})


def rule_set_begin(request: HttpRequest) -> HttpResponse:
    """The first rules of an office or a funder."""
    houses = _houses(request)
    if not houses.exists():
        messages.info(request, _("Only technology-transfer officers publish rules, for their own organisation."))
        return redirect("collab:rule_sets")
    shown = {"organisation": houses.first(), "jurisdiction": request.GET.get("jurisdiction", "")[:2]}
    form = RuleBeginForm(sent(request), organisations=houses, initial=shown)
    table = RuleFormSet(sent(request), prefix="rules")
    return _publishing(request, form, table, {}, {"title": _("Enter rules")})


def _publishing(
    request: HttpRequest, form: RuleSetForm, table: Any, facts: dict[str, Any], context: dict[str, Any]
) -> HttpResponse:
    """The page of both: the facts of the set, and its rules as a table."""

    def publish() -> str:
        made = publish_rule_set(rules=rules_of(table), by=request.user, **facts, **form.values())
        messages.success(request, _("Published. The deadlines of the cases it counts for were counted anew."))
        return made.get_absolute_url()

    context |= {"form": form, "table": table}
    if request.method == "POST" and not table.is_valid():
        form.is_valid()
        form.add_error(None, _("Some of the rules below have faults."))
        return show(request, "collab/transfer/protection/rule_set_new.html", context, form)
    return submit(request, form, publish) or show(
        request, "collab/transfer/protection/rule_set_new.html", context, form
    )


def rules_of(table: Any) -> list[dict[str, Any]]:
    """The rows with a title, as the verb takes them."""
    rows, codes = [], set()
    for number, row in enumerate(table.cleaned_data):
        if not row.get("title"):
            continue
        code = row["code"] or slug_of(row["title"], fallback=f"rule-{number + 1}", max_length=36)
        while code in codes:
            code = f"{code[:36]}-{number}"
        codes.add(code)
        facts = {name: value for name, value in row.items() if name in RULE_FIELDS and value is not None}
        rows.append(facts | {"code": code})
    return rows


def _found(request: HttpRequest, pk: UUID) -> DeadlineRuleSet:
    rows = DeadlineRuleSet.objects.select_related("organisation").prefetch_related("rules")
    return get_or_404(request.user, "organisation.view", rows, pk=pk)


def _required_houses(request: HttpRequest) -> Any:
    houses = _houses(request)
    if not houses.exists():
        sentence = _("Only technology-transfer officers publish rules, for their own organisation.")
        raise RefusedError([Missing("role", sentence)])
    return houses


def _houses(request: HttpRequest) -> Any:
    return visible_to(request.user, "protection.manage", Organisation.objects.order_by("name"))
