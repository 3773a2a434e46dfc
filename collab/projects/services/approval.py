"""Every party answers for itself whether it wants the project. Nobody's silence is an answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.audit.services import record
from collab.inbox.models import Request
from collab.inbox.services import ask, decide_request
from collab.inbox.states import REQUEST_MOVES, Decision, RequestState
from collab.inbox.topics import Topic, register_topic
from collab.kernel.errors import ConflictError, InvalidError, RefusedError
from collab.projects.guards import register_effect, register_gone, register_guard
from collab.projects.models import PartyApproval, Project, ProjectParty
from collab.projects.services.parties import let_go
from collab.projects.states import APPROVAL_MOVES, APPROVED, ApprovalState, ProjectState

WORD = "project.approve"
TOPIC = "project.approval"
_ASKED = {"approve": Decision.APPROVED, "reject": Decision.REJECTED, "return": Decision.RETURNED}
DECISIONS = ("approve", "reject", "return")


def answering_for(user: User, project_id: UUID) -> QuerySet[Organisation]:
    """The parties for which the person may approve and attest."""
    held = Membership.objects.filter(user=user, project=None, role__in=roles_with(WORD)).active()
    return Organisation.objects.filter(
        pk__in=held.values("organisation"), project_parties__project=project_id, project_parties__left_on=None
    )


def require_answer_for(user: User, project: Project, organisation: Organisation) -> None:
    """The word, and held in this very organisation; RefusedError otherwise."""
    require(user, WORD, project)
    if not answering_for(user, project.pk).filter(pk=organisation.pk).exists():
        raise RefusedError(
            [Missing("not_of_party", _("Only people of %(name)s may answer for it.") % {"name": organisation})]
        )


@transaction.atomic
def answer_approval(*, approval: PartyApproval, decision: str, by: User, reason: str = "") -> PartyApproval:
    """Approve, reject or return the project for one party. The last approval opens contracting."""
    require_answer_for(by, approval.project, approval.party.organisation)
    if decision not in DECISIONS:
        raise InvalidError(_("Approve, reject or return it."), field="decision")
    request = _requests([approval]).open().first()
    if request is None and approval.state == ApprovalState.OPEN and under_conditions([approval]):
        raise ConflictError(
            _("It was approved under conditions, and counts once they are met: see the request in the inbox.")
        )
    if request is None:
        return settle_approval(approval=approval, decision=decision, by=by, reason=reason)
    decide_request(request=request, decision=_ASKED[decision], by=by, reason=reason)
    approval.refresh_from_db()
    return approval


def _requests(approvals: Iterable[PartyApproval]) -> Any:
    keys = [str(approval.pk) for approval in approvals]
    return Request.objects.filter(topic=TOPIC, subject_id__in=keys)


def under_conditions(approvals: Iterable[PartyApproval]) -> set[str]:
    """The keys of those that were given under conditions: they count once these are met."""
    rows = _requests(approvals).filter(state=RequestState.APPROVED_WITH_CONDITIONS)
    return set(rows.values_list("subject_id", flat=True))


def _decided(request: Request, by: User) -> None:
    """The inbox's answer is the party's answer."""
    approval = PartyApproval.objects.select_related("project", "party__organisation").get(pk=request.subject_id)
    if approval.state == ApprovalState.WITHDRAWN:
        return  # conditions were met after the question was taken back
    decision = {
        RequestState.REJECTED: "reject",
        RequestState.RETURNED: "return",
    }.get(RequestState(request.state), "approve")
    settle_approval(approval=approval, decision=decision, by=by, reason=request.reason)


def settle_approval(*, approval: PartyApproval, decision: str, by: User, reason: str = "") -> PartyApproval:
    """An answer that whoever calls has the right to give; inside a transaction."""
    from collab.projects.services.projects import follow

    if decision not in DECISIONS:
        raise InvalidError(_("Approve, reject or return it."), field="decision")
    project = Project.objects.select_for_update().get(pk=approval.project_id)
    locked = (
        PartyApproval.objects.select_for_update(of=("self",))
        .select_related("party__organisation", "party__project")
        .get(pk=approval.pk)
    )
    late = project.state in APPROVED | {ProjectState.CLOSING}  # who joined afterwards answers for itself alone
    if not (late or project.state == ProjectState.IN_APPROVAL) or locked.round != project.round:
        raise ConflictError(_("The project is no longer waiting for approval."))
    locked.state = APPROVAL_MOVES.require(
        decision, locked.state, what=_("The answer of %(party)s") % {"party": locked.party.organisation}
    )
    if decision != "approve" and not reason.strip():
        raise InvalidError(_("Say why, in a sentence."), field="reason")
    locked.reason, locked.decided_by, locked.decided_at = reason.strip(), by, timezone.now()
    locked.require_clean()
    locked.save()
    record(
        verb=f"project.party_{decision}",
        subject=locked,
        by=by,
        project_id=project.pk,
        data={"party": locked.party.organisation.slug},
    )
    if late:
        if decision != "approve":
            let_go(locked.party, by, "project.leave_party", [])
    elif decision == "approve":
        if not _unanswered(project):
            follow(project=project, move="approve", by=by)
    else:
        follow(project=project, move=decision, by=by, reason=locked.reason)
    return locked


def _unanswered(project: Project) -> list[ProjectParty]:
    given = PartyApproval.objects.filter(project=project, round=project.round, state=ApprovalState.APPROVED)
    waiting = ProjectParty.objects.filter(project=project, left_on=None).exclude(pk__in=given.values("party"))
    return list(waiting.select_related("organisation"))


def _all_approved(project: Project) -> list[Missing]:
    return [
        Missing(
            "not_approved",
            _("%(party)s has not approved the project.") % {"party": party.organisation},
            project.get_absolute_url() + "#approvals",
        )
        for party in _unanswered(project)
    ]


def _ask_all(project: Project, by: User) -> dict[str, Any]:
    parties = list(ProjectParty.objects.filter(project=project, left_on=None).select_related("organisation"))
    ask_parties(project, parties, by)
    return {"parties": [party.organisation.slug for party in parties]}


def ask_parties(project: Project, parties: Iterable[ProjectParty], by: User) -> None:
    """Ask these parties whether they want the project as it is; inside a transaction."""
    approvals = PartyApproval.objects.bulk_create(
        PartyApproval(project=project, party=party, round=project.round) for party in parties
    )
    for approval in approvals:
        ask(
            topic=TOPIC,
            subject=approval,
            title=f"{project.title}: {approval.party.organisation.name}",
            title_zh=f"{project.title_zh or project.title}：{approval.party.organisation.name}",
            by=by,
            project=project,
            organisation=approval.party.organisation,
            word=WORD,
            url=project.get_absolute_url() + "#approvals",
        )


def _withdraw_open(project: Project, by: User) -> dict[str, Any]:
    """Whoever has not answered is not asked any more."""
    _lapse(PartyApproval.objects.filter(project=project, round=project.round, state=ApprovalState.OPEN))
    return {}


def _lapse(waiting: QuerySet[PartyApproval]) -> None:
    for request in _requests(waiting).open().select_for_update(of=("self",)):
        request.state = REQUEST_MOVES.require("withdraw", request.state, what=str(request))
        request.nobody_since = None
        request.save(update_fields=["state", "nobody_since"])
    waiting.update(state=ApprovalState.WITHDRAWN)


register_topic(
    Topic(
        code=TOPIC,
        label=gettext_lazy("Approval of a project by a party"),
        decisions=(Decision.APPROVED, Decision.APPROVED_WITH_CONDITIONS, Decision.REJECTED, Decision.RETURNED),
        due_days=21,
        on_decided=_decided,
        asker_may_decide=True,  # the word is the party's, whoever asked
        next_answers=False,
        effect=lambda request: gettext_lazy("When every party has approved, the project goes on to contracting."),
    )
)


def _gone(party: ProjectParty, by: User) -> None:
    """A party that leaves is asked no more."""
    _lapse(PartyApproval.objects.filter(party=party, state=ApprovalState.OPEN))


register_gone("approvals", _gone)
register_guard("approve", "parties", _all_approved)
register_effect("ask_approval", "ask", _ask_all)
for _move in ("return", "reject", "withdraw", "close", "terminate"):
    register_effect(_move, "approvals", _withdraw_open)
