"""What a job is for, held against the codes of its data: on submit, on resume and while it runs."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import Missing
from collab.accounts.models import User
from collab.kernel.errors import Fault, FaultyInputError, RefusedError
from registry.datasets.models import DatasetVersion
from registry.uses.matching import Statement, for_humans, match, refusals, statement_of
from registry.uses.vocabulary import CODES


class PurposeRefusedError(RefusedError):
    """The data's codes do not permit what the job is for; `missing` names each code and what would mend it."""

    code = "purpose_refused"


def missing_for(purpose: dict[str, Any], version: DatasetVersion, by: User) -> list[Missing]:
    """What the codes that count now have against this purpose: nothing, or each code with what would mend it."""
    dataset = version.dataset
    found = match(dataset, statement_of(purpose), by)
    url = reverse("registry:dataset_uses", args=[dataset.pk])
    text = _("The data-use code “%(code)s” needs an answer of %(owner)s: %(reason)s")
    return refusals(dataset, found) + [
        Missing(f"use.{one.code}", text % {"code": one.label, "owner": dataset.organisation, "reason": one.reason}, url)
        for one in for_humans(found)
    ]


def require_purpose(purpose: dict[str, Any], version: DatasetVersion, by: User) -> None:
    """Raises PurposeRefusedError unless the codes permit the purpose."""
    missing = missing_for(purpose, version, by)
    if missing:
        raise PurposeRefusedError(missing)


def said(purpose: Any) -> dict[str, Any]:
    """A purpose as a job keeps it; raises FaultyInputError naming every answer at fault."""
    if isinstance(purpose, Statement):
        return purpose.said()
    return statement_of(purpose).said()


def at_its_question(error: PurposeRefusedError) -> FaultyInputError | PurposeRefusedError:
    """The refusal as faults of a form, each at the question that its code asks."""
    asked = [CODES[one.code.removeprefix("use.")].asks for one in error.missing]
    if not all(asked):
        return error
    return FaultyInputError(
        [Fault(f"purpose.{name}", str(one.sentence)) for name, one in zip(asked, error.missing, strict=True)],
        field="purpose",
    )
