"""Verbs of the internal approvals: submitted, approved step by step, returned, void after an edit."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import Missing, require
from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.approvals import Approval, ApprovalState, ApprovalStep
from collab.agreements.models import AgreementKind, AgreementVersion
from collab.agreements.states import VERSION_MOVES, VersionState
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, RefusedError, StaleError


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


@transaction.atomic
def approve_step(*, approval: Approval, by: User, reason: str = "") -> AgreementVersion:
    """Say yes for one step. After the last one the version is agreed and may be sent for signature."""
    locked, step = _open_step(approval, by)
    _decide(step, ApprovalState.APPROVED, by, reason)
    _note("agreement.approve", locked, by, step=step.step.name, party=step.organisation.slug)
    _open_next(locked, by)
    if not locked.approvals.pending().filter(round=step.round).exists():
        locked.state = VERSION_MOVES.require("agree", locked.state, what=str(locked))
        locked.save(update_fields=["state"])
    return locked


@transaction.atomic
def return_step(*, approval: Approval, by: User, reason: str) -> AgreementVersion:
    """Send the version back to its drafters, with the reason; the other steps of the round are void."""
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    locked, step = _open_step(approval, by)
    _decide(step, ApprovalState.RETURNED, by, reason)
    move = "return_to_negotiation" if locked.negotiated_at else "return_to_draft"
    locked.state = VERSION_MOVES.require(move, locked.state, what=str(locked))
    locked.save(update_fields=["state"])
    void_approvals(locked)
    _note("agreement.return", locked, by, step=step.step.name, party=step.organisation.slug)
    return locked


def void_approvals(version: AgreementVersion) -> None:
    """What was approved is not what is there now: every approval of the version counts no more."""
    version.approvals.exclude(state__in=[ApprovalState.RETURNED, ApprovalState.VOIDED]).update(
        state=ApprovalState.VOIDED
    )


def may_approve(user: User, approval: Approval) -> bool:
    """The one whom the step names, or whoever may approve for the organisation."""
    if approval.step.receiver_id is not None:
        return approval.step.receiver_id == user.pk
    return (
        Membership.objects.filter(
            user=user, project=None, organisation=approval.organisation_id, role__in=roles_with("agreement.approve")
        )
        .active()
        .exists()
    )


def _open_step(approval: Approval, by: User) -> tuple[AgreementVersion, Approval]:
    require(by, "agreement.view", approval.version)
    locked = _locked(approval.version)
    step = locked.approvals.select_related("step", "organisation").get(pk=approval.pk)
    if not may_approve(by, step):
        raise RefusedError(
            [Missing("not_approver", _("You do not decide this step for %(name)s.") % {"name": step.organisation})]
        )
    if locked.state != VersionState.INTERNAL_REVIEW or step.state != ApprovalState.OPEN:
        raise ConflictError(_("This step is not open for a decision now."))
    return locked, step


def _open_next(version: AgreementVersion, by: User) -> None:
    """Open the steps of the lowest position of each party that has none open or returned."""
    pending = list(version.approvals.pending().select_related("step", "organisation"))
    for organisation in {approval.organisation_id for approval in pending}:
        mine = [approval for approval in pending if approval.organisation_id == organisation]
        first = min(approval.position for approval in mine)
        for approval in mine:
            if approval.position == first and approval.state == ApprovalState.WAITING:
                approval.state = ApprovalState.OPEN
                approval.save(update_fields=["state"])


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
        data={"reference": version.agreement.reference, "number": version.number} | data,
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
    record(verb="approval_step.add", subject=step, by=by, data={"name": name, "organisation": organisation.slug})
    return step


@transaction.atomic
def retire_step(*, step: ApprovalStep, version: int, by: User) -> ApprovalStep:
    """A step that is asked no more. Approvals under way go on."""
    require(by, "organisation.manage", step.organisation)
    locked = ApprovalStep.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=step.pk)
    if locked.version != version:
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."))
    if not locked.is_active:
        raise ConflictError(_("This step is no longer in use."))
    locked.is_active, locked.version = False, locked.version + 1
    locked.save(update_fields=["is_active", "version"])
    record(
        verb="approval_step.retire",
        subject=locked,
        by=by,
        data={"name": locked.name, "organisation": locked.organisation.slug},
    )
    return locked


def due_of(approval: Approval):  # type: ignore[no-untyped-def]
    """When the step should be decided."""
    return approval.created_at + timedelta(days=approval.step.due_days)


def _require_employee(organisation: Organisation, receiver: User | None) -> None:
    if receiver is None:
        return
    if not Membership.objects.filter(user=receiver, organisation=organisation, project=None).active().exists():
        raise InvalidError(
            _("%(person)s does not belong to %(name)s.") % {"person": receiver, "name": organisation}, field="receiver"
        )
