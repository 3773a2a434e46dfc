"""What ethics stops: conditions of SQL that the policy asks on every request, so nothing has to run when a day passes.

Rooms above say which of their words belong to which area, as they do with agreements.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, Requirement, can, register_requirement
from collab.access.why import reader_of
from collab.accounts.models import User
from collab.ethics.models import EthicsCase, EthicsCondition
from collab.ethics.states import Area, CaseState
from collab.projects.models import Project


def blocked_by_ethics(model: type[Model], path: str, area: Area, *words: str) -> None:
    """Let these words on a model wait for the ethics of its project; `path` leads to it, empty for the project."""

    def condition(user: User, at: datetime) -> Q:
        project = OuterRef(path or "pk")
        conditions = EthicsCondition.objects.blocking(area, at).filter(case__project=project)
        cases = EthicsCase.objects.blocking(area, at).filter(project=project)
        return ~Q(Exists(conditions)) & ~Q(Exists(cases))

    def explain(user: User, obj: Any, at: datetime) -> Missing:
        for step in path.split("__") if path else ():
            obj = getattr(obj, step)
        return what_blocks(user, obj, area, at)

    register_requirement(
        Requirement(
            code=f"{model.__name__}.ethics_{area}_{path}",
            words=frozenset(words),
            model=model,
            condition=condition,
            explain=explain,
            label=gettext_lazy("Ethics"),
        )
    )


def held_by_ethics(area: Area) -> Callable[[User, Project], list[Missing]]:
    """What ethics misses before an area of a project goes on, for rooms that ask outside of the policy."""

    def hold(user: User, project: Project) -> list[Missing]:
        at = timezone.now()
        conditions = EthicsCondition.objects.blocking(area, at).filter(case__project=project)
        if conditions.exists() or EthicsCase.objects.blocking(area, at).filter(project=project).exists():
            return [what_blocks(user, project, area, at)]
        return []

    return hold


def what_blocks(user: User, project: Any, area: Area, at: datetime) -> Missing:
    """The condition or the approval that is missing, and where it stands; its text only for those who may read it."""
    held = EthicsCondition.objects.blocking(area, at).filter(case__project=project)
    first = held.select_related("case__committee__organisation", "condition").order_by("created_at").first()
    if first is not None:
        case, more = first.case, held.count() - 1
        if not can(reader_of(user), "ethics.view", case, at):
            return Missing("ethics_condition", _("A condition of the ethics committee is not met yet."))
        facts = {"committee": case.committee, "text": first.condition.text, "n": more}
        text = _("A condition of “%(committee)s” is not met yet: %(text)s")
        if more:
            text = _("A condition of “%(committee)s” is not met yet: %(text)s (and %(n)d more)")
        return Missing("ethics_condition", text % facts, f"{case.get_absolute_url()}#condition-{first.number}")
    rows = EthicsCase.objects.blocking(area, at).filter(project=project).select_related("committee")
    found = rows.order_by("created_at").first()
    if found is None:  # met in the same moment
        return Missing("ethics", _("Ethics stood in the way until a moment ago; try again."))
    url = found.get_absolute_url() if can(reader_of(user), "ethics.view", found, at) else ""
    return Missing("ethics_approval", _why(found), url)


def _why(case: EthicsCase) -> str:
    facts: dict[str, Any] = {"committee": case.committee}
    if case.stands and case.valid_until is not None:
        facts["day"] = date_format(case.valid_until)
        return _("The approval of “%(committee)s” was valid until %(day)s; it must be renewed.") % facts
    texts = {
        CaseState.REJECTED: _("“%(committee)s” rejected the ethics application."),
        CaseState.SUSPENDED: _("“%(committee)s” suspended its approval."),
        CaseState.REVOKED: _("“%(committee)s” revoked its approval."),
    }
    return texts.get(CaseState(case.state), _("“%(committee)s” has not decided the ethics application yet.")) % facts
