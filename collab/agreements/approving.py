"""Verbs of the internal approvals: submitted, approved step by step, returned, void after an edit."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.acts import named
from collab.agreements.approvals import Approval, ApprovalState, ApprovalStep
from collab.agreements.asking import APPROVAL, ask_for_approval, lapse_approvals, request_of, tell, who_asked
from collab.agreements.models import AgreementKind, AgreementVersion
from collab.agreements.particulars import particulars_of
from collab.agreements.states import VERSION_MOVES, VersionState
from collab.audit.services import record
from collab.inbox.models import Request
from collab.inbox.services import decide_request
from collab.inbox.states import Decision
from collab.kernel.errors import ConflictError, InvalidError, StaleError


def steps_for(version: AgreementVersion) -> list[ApprovalStep]:
    """The steps that the parties of a version have laid down for its kind."""
    return list(
        ApprovalStep.objects.filter(
            Q(kind="") | Q(kind=version.agreement.kind),
            organisation__in=version.parties.values("organisation"),
            is_active=True,
        ).select_related("organisation", "receiver")
    )


def approvals_required(version: AgreementVersion) -> bool:
    return bool(steps_for(version))


@transaction.atomic
def submit_version(*, version: AgreementVersion, by: User) -> AgreementVersion:
    """Ask for the approvals inside each party. Where no party wants any, the version is agreed at once."""
    require(by, "agreement.draft", version)
    locked = _locked(version)
    locked.state = VERSION_MOVES.require("submit", locked.state, what=str(locked))
    if room := particulars_of(locked.agreement):
        room.ready(locked, by)
    steps = steps_for(locked)
    number = (locked.approvals.aggregate(last=Max("round"))["last"] or 0) + 1
    for step in steps:
        Approval.objects.create(
            version=locked, step=step, organisation=step.organisation, round=number, position=step.position
        )
    if not steps:
        locked.state = VERSION_MOVES.require("agree", locked.state, what=str(locked))
    locked.save(update_fields=["state"])
    _note("agreement.submit", locked, by, steps=len(steps))
    _open_next(locked, by)
    return locked


def approve_step(*, approval: Approval, by: User, reason: str = "") -> AgreementVersion:
    """Say yes for one step. After the last one the version is agreed and may be sent for signature."""
    decide_request(request=request_of(approval), decision=Decision.APPROVED, by=by, reason=reason)
    return AgreementVersion.objects.select_related("agreement__project").get(pk=approval.version_id)


def return_step(*, approval: Approval, by: User, reason: str) -> AgreementVersion:
    """Send the version back to its drafters, with the reason; the other steps of the round are void."""
    decide_request(request=request_of(approval), decision=Decision.RETURNED, by=by, reason=reason)
    return AgreementVersion.objects.select_related("agreement__project").get(pk=approval.version_id)


def step_decided(request: Request, by: User) -> None:
    """What a decision in the inbox does to the version; in the same transaction.

    The decision holds its request and then takes the version. Verbs that void approvals take them in the same order.
    """
    approval = Approval.objects.get(pk=request.subject_id)
    locked = _locked(approval.version)
    step = locked.approvals.select_related("step", "organisation").get(pk=approval.pk)
    if locked.state != VersionState.INTERNAL_REVIEW or step.state != ApprovalState.OPEN:
        raise ConflictError(_("This step is not open for a decision now."))
    if request.state == Decision.APPROVED:
        _approved(locked, step, by, request.reason)
    else:
        _returned(locked, step, by, request.reason)


def _approved(locked: AgreementVersion, step: Approval, by: User, reason: str) -> None:
    _decide(step, ApprovalState.APPROVED, by, reason)
    _note("agreement.approve", locked, by, step=step.step.name, party=step.organisation.slug)
    _open_next(locked, by)
    if not locked.approvals.pending().filter(round=step.round).exists():
        locked.state = VERSION_MOVES.require("agree", locked.state, what=str(locked))
        locked.save(update_fields=["state"])
        tell(locked, gettext_lazy("{agreement} has all its approvals and can be sent for signature"), by)


def _returned(locked: AgreementVersion, step: Approval, by: User, reason: str) -> None:
    _decide(step, ApprovalState.RETURNED, by, reason)
    move = "return_to_negotiation" if locked.negotiated_at else "return_to_draft"
    locked.state = VERSION_MOVES.require(move, locked.state, what=str(locked))
    locked.save(update_fields=["state"])
    void_approvals(locked, by, wait=False)
    _note("agreement.return", locked, by, step=step.step.name, party=step.organisation.slug)


def hold_approvals(version: AgreementVersion) -> None:
    """Wait for decisions that are being made now, before the version is taken: the order in which decisions lock."""
    keys = [str(pk) for pk in version.approvals.pending().values_list("pk", flat=True)]
    rows = Request.objects.open().filter(topic=APPROVAL, subject_id__in=keys).order_by("pk")
    list(rows.select_for_update(of=("self",)).values_list("pk", flat=True))


def void_approvals(version: AgreementVersion, by: User, *, wait: bool = True) -> None:
    """What was approved is not what is there now: every approval of the version counts no more."""
    lapse_approvals(version, by, wait=wait)
    version.approvals.exclude(state__in=[ApprovalState.RETURNED, ApprovalState.VOIDED]).update(
        state=ApprovalState.VOIDED
    )


def _open_next(version: AgreementVersion, by: User) -> None:
    """Open the steps of the lowest position of each party that has none open or returned."""
    this_round = version.approvals.exclude(state=ApprovalState.VOIDED).values_list("pk", flat=True)
    by = who_asked(APPROVAL, this_round, by)
    pending = list(version.approvals.pending().select_related("step__receiver", "organisation"))
    for organisation in {approval.organisation_id for approval in pending}:
        mine = [approval for approval in pending if approval.organisation_id == organisation]
        first = min(approval.position for approval in mine)
        for approval in mine:
            if approval.position == first and approval.state == ApprovalState.WAITING:
                approval.state = ApprovalState.OPEN
                approval.save(update_fields=["state"])
                ask_for_approval(approval, version, by)


def _decide(approval: Approval, state: ApprovalState, by: User, reason: str) -> None:
    approval.state, approval.decided_by, approval.decided_at = state, by, timezone.now()
    approval.reason = reason.strip()
    approval.require_clean()
    approval.save(update_fields=["state", "decided_by", "decided_at", "reason"])


def _locked(version: AgreementVersion) -> AgreementVersion:
    return (
        AgreementVersion.objects.select_for_update(of=("self",)).select_related("agreement__project").get(pk=version.pk)
    )


def _note(verb: str, version: AgreementVersion, by: User, **data: object) -> None:
    record(
        verb=verb,
        subject=version,
        by=by,
        project_id=version.agreement.project_id,
        data=named(version.agreement) | {"number": version.number} | data,
    )


# --- the steps themselves
@transaction.atomic
def add_step(
    *,
    organisation: Organisation,
    name: str,
    by: User,
    name_zh: str = "",
    kind: str = "",
    position: int = 1,
    receiver: User | None = None,
    due_days: int = 10,
) -> ApprovalStep:
    """Lay down a step of the organisation's procedure; it counts from the next submission on."""
    require(by, "organisation.manage", organisation)
    if kind and kind not in AgreementKind.values:
        raise InvalidError(_("Choose a kind of agreement."), field="kind")
    _require_employee(organisation, receiver)
    if ApprovalStep.objects.filter(organisation=organisation, kind=kind, name=name, is_active=True).exists():
        raise InvalidError(_("There is a step of this name."), field="name")
    step = ApprovalStep(
        organisation=organisation,
        kind=kind,
        name=name,
        name_zh=name_zh,
        position=position,
        receiver=receiver,
        due_days=due_days,
    )
    step.require_clean()
    step.save()
    _record("add", step, by)
    return step


@transaction.atomic
def edit_step(*, step: ApprovalStep, version: int, by: User, **changes: Any) -> ApprovalStep:
    """Name, place, time or decider of a step in use. Approvals under way go on as they were asked for."""
    locked = _held(step, version, by)
    for name, value in changes.items():
        if name not in {"name", "name_zh", "position", "receiver", "due_days"}:
            raise InvalidError(_("There is no such field."), field=name)
        setattr(locked, name, value)
    _require_employee(locked.organisation, locked.receiver if "receiver" in changes else None)
    same = ApprovalStep.objects.filter(organisation=locked.organisation, kind=locked.kind, name=locked.name)
    if same.filter(is_active=True).exclude(pk=locked.pk).exists():
        raise InvalidError(_("There is a step of this name."), field="name")
    locked.version += 1
    locked.require_clean()
    locked.save()
    _record("edit", locked, by, fields=sorted(changes))
    return locked


@transaction.atomic
def retire_step(*, step: ApprovalStep, version: int, by: User) -> ApprovalStep:
    """A step that is asked no more. Approvals under way go on."""
    locked = _held(step, version, by)
    locked.is_active, locked.version = False, locked.version + 1
    locked.save(update_fields=["is_active", "version"])
    _record("retire", locked, by)
    return locked


def _held(step: ApprovalStep, version: int, by: User) -> ApprovalStep:
    """The step, locked, when it is in use and as it was read."""
    require(by, "organisation.manage", step.organisation)
    rows = ApprovalStep.objects.select_for_update(of=("self",)).select_related("organisation", "receiver")
    locked = rows.get(pk=step.pk)
    if locked.version != version:
        told = ("name", "name_zh", "position", "due_days", "is_active")
        raise StaleError(
            _("Somebody changed it since you opened it. Read it again and repeat your change."),
            now={name: getattr(locked, name) for name in told} | {"receiver": str(locked.receiver or "")},
        )
    if not locked.is_active:
        raise ConflictError(_("This step is no longer in use."))
    return locked


def _record(act: str, step: ApprovalStep, by: User, **data: Any) -> None:
    about = {"name": step.name, "organisation": step.organisation.slug}
    record(verb=f"approval_step.{act}", subject=step, by=by, data=about | data)


def _require_employee(organisation: Organisation, receiver: User | None) -> None:
    if receiver is None:
        return
    if not Membership.objects.filter(user=receiver, organisation=organisation, project=None).active().exists():
        raise InvalidError(
            _("%(person)s does not belong to %(name)s.") % {"person": receiver, "name": organisation}, field="receiver"
        )
