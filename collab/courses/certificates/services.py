"""Verbs on certificates: issue one, propose a batch, and suspend, reinstate or revoke what was issued.

`issue_certificate` is called by the verb that found the achievement (a course passed, a placement completed), which has
asked the policy for its own word.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.courses.certificates.badges import credential_of
from collab.courses.certificates.keys import signer
from collab.courses.certificates.models import (
    LIST_BITS,
    Certificate,
    CertificateBatch,
    CertificateKind,
)
from collab.courses.certificates.states import BATCH_MOVES, CERTIFICATE_MOVES, LIVE, CertificateState
from collab.inbox.models import Request
from collab.inbox.services import ask, notify
from collab.inbox.states import RequestState
from collab.kernel.errors import ConflictError, InvalidError, RefusedError

BATCH = "certificate_batch"
BATCH_MAX = 500
_LIST_FULL = LIST_BITS // 2  # beyond that a free place is hard to find by chance


@dataclass(frozen=True)
class Achievement:
    """What a certificate attests. `evidence`: plain dicts with `name`, and `id` (an address) or `narrative`."""

    title: str
    description: str
    criteria: str
    kind: str = CertificateKind.COURSE
    title_zh: str = ""
    description_zh: str = ""
    criteria_zh: str = ""


@dataclass(frozen=True)
class Proposal:
    """One certificate of a batch. `source`: the row that it is about (a placement); a second one for it is refused."""

    person: User
    achievement: Achievement
    evidence: Sequence[dict[str, str]] = ()
    valid_until: datetime | None = None
    source: models.Model | None = None
    name: str = ""


@transaction.atomic
def issue_certificate(
    *,
    person: User,
    achievement: Achievement,
    organisation: Organisation,
    by: User | None,
    evidence: Sequence[dict[str, str]] = (),
    source: models.Model | None = None,
    valid_until: datetime | None = None,
    name: str = "",
) -> Certificate:
    """Sign a certificate and tell its recipient. Raises ConflictError when the source has one already."""
    proposal = Proposal(person, achievement, evidence, valid_until, source, name)
    certificate = _prepare(proposal, organisation)
    certificate.save()
    return _issue(certificate, by)


@transaction.atomic
def propose_certificates(
    *, organisation: Organisation, title: str, proposals: Sequence[Proposal], by: User, title_zh: str = ""
) -> CertificateBatch:
    """Propose certificates; they are issued together when somebody else approves them in the inbox."""
    require(by, "certificate.propose", organisation)
    if not proposals:
        raise InvalidError(_("Name at least one person."), field="people")
    if len(proposals) > BATCH_MAX:
        raise InvalidError(_("At most %(n)d certificates at a time.") % {"n": BATCH_MAX}, field="people")
    told = [(p.person.pk, p.achievement.title) for p in proposals]
    if len(set(told)) != len(told):
        raise InvalidError(_("Name each person once."), field="people")
    batch = CertificateBatch(organisation=organisation, title=title, title_zh=title_zh, proposed_by=by)
    batch.require_clean()
    batch.save()
    rows = [_prepare(proposal, organisation, batch) for proposal in proposals]
    Certificate.objects.bulk_create(rows)
    record(
        verb="certificate.propose", subject=batch, by=by, organisation_id=organisation.pk,
        data={"title": batch.title, "count": len(rows)},
    )  # fmt: skip
    ask(
        topic=BATCH,
        subject=batch,
        title=format_lazy(gettext_lazy("{n} certificates to approve: {title}"), n=len(rows), title=batch),
        organisation=organisation,
        word="certificate.approve",
        by=by,
    )
    return batch


def batch_decided(request: Request, by: User) -> None:
    """The inbox's answer: all certificates of the batch are signed, or none."""
    batch = CertificateBatch.objects.select_for_update(of=("self",)).get(pk=request.subject_id)
    approved = request.state == RequestState.APPROVED
    if approved and batch.certificates.filter(person=by).exists():
        text = _("One of the certificates is for %(person)s, who cannot approve it: somebody else does.")
        raise RefusedError([Missing("own_certificate", text % {"person": by})])
    batch.state = BATCH_MOVES.require("issue" if approved else "reject", batch.state, what=str(batch))
    batch.decided_by, batch.decided_at = by, timezone.now()
    batch.save()
    for certificate in batch.certificates.select_related("person", "organisation"):
        if approved:
            _issue(certificate, by)
        else:
            certificate.state = CERTIFICATE_MOVES.require("reject", certificate.state, what=str(certificate))
            certificate.reason = request.reason
            certificate.save()


def batch_withdrawn(request: Request, by: User) -> None:
    """Whoever proposed it takes it back: nothing is issued."""
    batch = CertificateBatch.objects.select_for_update(of=("self",)).get(pk=request.subject_id)
    batch.state = BATCH_MOVES.require("withdraw", batch.state, what=str(batch))
    batch.decided_by, batch.decided_at = by, timezone.now()
    batch.save()
    batch.certificates.update(state=CertificateState.REJECTED)


def facts_of_batch(request: Request) -> list[tuple[str, str]]:
    """What one must know before one approves."""
    batch = CertificateBatch.objects.filter(pk=request.subject_id).first()
    if batch is None:
        return []
    rows = list(batch.certificates.all())
    names = ", ".join(row.recipient_name for row in rows[:20])
    if len(rows) > 20:
        names += " …"
    kinds = ", ".join(sorted({f"{row} ({row.get_kind_display()})" for row in rows}))
    return [(_("What is attested"), kinds), (_("Recipients"), names)]


@transaction.atomic
def suspend_certificate(*, certificate: Certificate, reason: str, by: User) -> Certificate:
    """It does not count until it is reinstated; the check page says so at once."""
    return _change("suspend", certificate, reason, by)


@transaction.atomic
def reinstate_certificate(*, certificate: Certificate, reason: str, by: User) -> Certificate:
    return _change("reinstate", certificate, reason, by)


@transaction.atomic
def revoke_certificate(*, certificate: Certificate, reason: str, by: User) -> Certificate:
    """Take it back for good; the check page says so at once."""
    return _change("revoke", certificate, reason, by)


# --- how it is done
def _prepare(proposal: Proposal, organisation: Organisation, batch: CertificateBatch | None = None) -> Certificate:
    what, source = proposal.achievement, proposal.source
    if proposal.valid_until is not None and proposal.valid_until <= timezone.now():
        raise InvalidError(_("It would have expired before it is issued."), field="valid_until")
    certificate = Certificate(
        organisation=organisation,
        person=proposal.person,
        recipient_name=proposal.name or str(proposal.person),
        kind=what.kind,
        title=what.title,
        title_zh=what.title_zh,
        description=what.description,
        description_zh=what.description_zh,
        criteria=what.criteria,
        criteria_zh=what.criteria_zh,
        evidence=[_evidence(one) for one in proposal.evidence],
        source_type=source._meta.label_lower if source is not None else "",
        source_id=str(source.pk) if source is not None else "",
        batch=batch,
        valid_until=proposal.valid_until,
    )
    certificate.require_clean()
    if source is not None and _of_source(source).exists():
        raise ConflictError(_("There is a certificate for this already."), field="people")
    return certificate


def _of_source(source: models.Model) -> models.QuerySet[Certificate]:
    return Certificate.objects.filter(
        source_type=source._meta.label_lower, source_id=str(source.pk), state__in=sorted(LIVE)
    )


def _evidence(one: dict[str, str]) -> dict[str, str]:
    unknown = set(one) - {"id", "name", "narrative", "description"}
    if unknown or not all(isinstance(value, str) and len(value) <= 2000 for value in one.values()):
        raise InvalidError(_("Evidence has a name, and an address or a text."), field="evidence")
    return dict(one)


def _issue(certificate: Certificate, by: User | None) -> Certificate:
    """Give it a place in the status lists and sign it."""
    now = timezone.now().replace(microsecond=0)
    certificate.state = CERTIFICATE_MOVES.require("issue", certificate.state, what=str(certificate))
    certificate.list_number, certificate.list_index = _free_place()
    signs = signer()
    certificate.key = signs.key
    certificate.issued_at, certificate.issued_by = now, by
    certificate.credential = signs.sign(credential_of(certificate, now))
    certificate.save()
    record(
        verb="certificate.issue", subject=certificate, by=by, organisation_id=certificate.organisation_id,
        data={"title": certificate.title},
    )  # fmt: skip
    _tell(certificate, gettext_lazy("You have a certificate: {title}"))
    return certificate


def _tell(certificate: Certificate, text: Any) -> None:
    notify(
        people=[certificate.person],
        kind="certificate",
        title=format_lazy(text, title=certificate),
        url=certificate.get_absolute_url(),
    )


def _free_place() -> tuple[int, int]:
    """A place by chance, so that neighbours in the list do not tell who was certified together."""
    taken = Certificate.objects.filter(list_number__isnull=False)
    last = taken.order_by("-list_number").values_list("list_number", flat=True).first() or 1
    here = taken.filter(list_number=last)
    if here.count() >= _LIST_FULL:
        last += 1
        here = taken.filter(list_number=last)
    while True:
        index = secrets.randbelow(LIST_BITS)
        if not here.filter(list_index=index).exists():
            return last, index


def _change(move: str, certificate: Certificate, reason: str, by: User) -> Certificate:
    require(by, "certificate.revoke", certificate)
    locked = Certificate.objects.select_for_update(of=("self",)).select_related("person").get(pk=certificate.pk)
    state = CERTIFICATE_MOVES.require(move, locked.state, what=str(locked))
    if not reason.strip():
        raise InvalidError(_("Give the reason; it stays on record."), field="reason")
    locked.state, locked.reason, locked.changed_at = state, reason.strip(), timezone.now()
    locked.version += 1
    locked.require_clean()
    locked.save()
    record(
        verb=f"certificate.{move}", subject=locked, by=by, organisation_id=locked.organisation_id,
        data={"title": locked.title},
    )  # fmt: skip
    _tell(locked, SAID[move])
    for changed in _ON_CHANGE:
        changed(locked)
    return locked


_ON_CHANGE: list[Callable[[Certificate], None]] = []


def register_on_change(effect: Callable[[Certificate], None]) -> None:
    """Let `effect(certificate)` run in the transaction in which one is suspended, reinstated or revoked."""
    if effect not in _ON_CHANGE:
        _ON_CHANGE.append(effect)


SAID: dict[str, Any] = {
    "suspend": gettext_lazy("Your certificate is suspended: {title}"),
    "reinstate": gettext_lazy("Your certificate counts again: {title}"),
    "revoke": gettext_lazy("Your certificate was revoked: {title}"),
}
