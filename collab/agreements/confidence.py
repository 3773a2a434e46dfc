"""Confidential agreements: read only by those who draft, approve, sign or end them for one of their parties."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q
from django.utils.translation import gettext as _

from collab.access.policy import Condition, Missing, Requirement
from collab.access.roles import roles_with
from collab.accounts.models import Membership, User
from collab.agreements.approvals import Approval
from collab.agreements.comments import VersionComment
from collab.agreements.duties import SurvivingDuty
from collab.agreements.ip import IPTerms
from collab.agreements.models import Agreement, AgreementParty, AgreementVersion, Coverage, Signature

_WORDS = frozenset(
    {
        "agreement.view",
        "agreement.draft",
        "agreement.comment",
        "agreement.approve",
        "agreement.sign",
        "agreement.end",
    }
)
_INSIDE = ("agreement.draft", "agreement.approve", "agreement.sign", "agreement.end")
# table -> how it leads to the agreement
_TABLES: dict[type[Model], str] = {
    Agreement: "",
    AgreementVersion: "agreement__",
    AgreementParty: "version__agreement__",
    Signature: "version__agreement__",
    Coverage: "version__agreement__",
    IPTerms: "version__agreement__",
    SurvivingDuty: "version__agreement__",
    VersionComment: "version__agreement__",
    Approval: "version__agreement__",
}


def requirements() -> Iterator[Requirement]:
    """One for each table that tells something of an agreement."""
    for model, path in _TABLES.items():
        code = f"agreement_confidential_{model._meta.model_name}"
        yield Requirement(code, _WORDS, model, _condition(path), _explain)


def _condition(path: str) -> Condition:
    def holds(user: User, at: datetime) -> Q:
        parties = AgreementParty.objects.filter(version__agreement=OuterRef(OuterRef(f"{path}pk")))
        inside = Membership.objects.filter(
            Q(project=None) | Q(project=OuterRef(f"{path}project")),
            user=user,
            role__in={role for word in _INSIDE for role in roles_with(word)},
            organisation__in=parties.values("organisation"),
        ).active(at)
        return Q(**{f"{path}confidential": False}) | Q(**{f"{path}created_by": user.pk}) | Q(Exists(inside))

    return holds


def _explain(user: User, obj: Any, at: datetime) -> Missing:
    sentence = _("This agreement is confidential: those who draft, approve, sign or end it for a party may read it.")
    return Missing("agreement_confidential", sentence)
