"""Confidential agreements: read only by those who draft, approve, sign or end them for one of their parties.

That goes for what tells of them too: their dates in the calendar, and their acts in the history of the project.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, Model, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.many import EachPerson
from collab.access.policy import ALWAYS, Condition, Missing, Requirement, role_q
from collab.access.roles import roles_with
from collab.accounts.models import Membership, User
from collab.agreements.approvals import Approval
from collab.agreements.comments import VersionComment
from collab.agreements.duties import SurvivingDuty
from collab.agreements.ip import IPTerms
from collab.agreements.models import Agreement, AgreementParty, AgreementVersion, Coverage, Signature
from collab.agreements.sealed import SealedDocument
from collab.audit.models import AuditEvent
from collab.inbox.models import Obligation

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
    SealedDocument: "version__agreement__",
}


def requirements() -> Iterator[Requirement]:
    """One for each table that tells something of an agreement."""
    for model, path in _TABLES.items():
        yield confidential(model, readable(path))
    yield confidential(AuditEvent, _act_is_told, words=frozenset({"audit.view"}))
    yield confidential(Obligation, _date_is_told, words=frozenset({"obligation.view", "obligation.manage"}))


def confidential(model: type[Model], condition: Condition, *, words: frozenset[str] = _WORDS) -> Requirement:
    """The requirement that keeps rows of a table from those who may not read the agreement they tell of."""
    return Requirement(f"agreement_confidential_{model._meta.model_name}", words, model, condition, _explain)


def hidden_from(user: User, at: datetime) -> list[UUID]:
    """The confidential agreements of the person's projects that they may not read: one query."""
    held = role_q(user, "agreement.view", Agreement, at)
    rows = Agreement.objects.filter(held, confidential=True).exclude(readable("")(user, at))
    return list(rows.values_list("pk", flat=True))


def _act_is_told(user: User, at: datetime) -> Q:
    """Acts about an agreement name it in their details, whatever their object is."""
    about_none = Q(data__agreement__isnull=True)
    if isinstance(user, EachPerson):  # asked for many people in one query: closed to all of them
        return about_none
    hidden = [str(pk) for pk in hidden_from(user, at)]
    return about_none | ~Q(data__agreement__in=hidden) if hidden else ALWAYS


def _date_is_told(user: User, at: datetime) -> Q:
    if isinstance(user, EachPerson):
        return ~Q(source_type__in=[model._meta.label_lower for model in (AgreementVersion, SurvivingDuty)])
    hidden = hidden_from(user, at)
    if not hidden:
        return ALWAYS
    told = Q()
    for model in (AgreementVersion, SurvivingDuty):
        rows = model._default_manager.filter(**{f"{_TABLES[model]}in": hidden})
        told |= Q(
            source_type=model._meta.label_lower, source_id__in=[str(pk) for pk in rows.values_list("pk", flat=True)]
        )
    return ~told


def readable(path: str) -> Condition:
    """True where the agreement is open to all who may see agreements, or the person works on it for a party."""

    def holds(user: User, at: datetime) -> Q:
        parties = AgreementParty.objects.filter(version__agreement=OuterRef(OuterRef(f"{path}pk")))
        held = Membership.objects.filter(
            Q(project=None) | Q(project=OuterRef(f"{path}project")),
            user=user,
            role__in={role for word in _INSIDE for role in roles_with(word)},
            organisation__in=parties.values("organisation"),
        ).active(at)
        return Q(**{f"{path}confidential": False}) | Q(**{f"{path}created_by": user.pk}) | Q(Exists(held))

    return holds


def may_be_named(agreement: Agreement, reader: User) -> bool:
    """Whether a sentence about somebody's access may tell this reader of the agreement."""
    if not agreement.confidential:
        return True
    return Agreement.objects.filter(readable("")(reader, timezone.now()), pk=agreement.pk).exists()


def _explain(user: User, obj: Any, at: datetime) -> Missing:
    sentence = _("This agreement is confidential: those who draft, approve, sign or end it for a party may read it.")
    return Missing("agreement_confidential", sentence)
