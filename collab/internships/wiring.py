"""How internships hang on organisations and people, and what they register elsewhere. Imported once."""

from django.utils.translation import gettext_lazy

from collab.access.policy import RoleNeed, Scope, register_role_need, register_scope
from collab.access.roles import Role
from collab.agreements.hooks import register_beside, register_ended, register_executed
from collab.casefile.contents import attributes, register_case_table
from collab.courses.library.attaching import Attachable, register_attachable
from collab.inbox.errands import register_errands
from collab.inbox.kinds import Kind, register_kind
from collab.inbox.states import Decision, Mail
from collab.inbox.telling import tell_dates_to
from collab.inbox.topics import Topic, register_topic
from collab.internships.applications.hooks import register_accepted
from collab.internships.errands import errands_of_internships
from collab.internships.models import (
    Application,
    ApplicationDocument,
    ApplicationEvent,
    BoardReview,
    CheckPoint,
    Cohort,
    Evaluation,
    Interview,
    LogEntry,
    MatchRound,
    MovedCheckPoint,
    PairRule,
    Placement,
    PlacementNote,
    Posting,
    Programme,
    StudentSignature,
)
from collab.internships.placements.approving import PLACEMENT, facts_of_placement, placement_decided
from collab.internships.placements.hosting import host_gone, host_has_left, host_takes_part
from collab.internships.placements.services import placements_open, propose_placement
from collab.internships.placements.signing import agreement_ended, agreement_executed, student_has_to_sign
from collab.internships.programmes.services import register_closing
from collab.internships.standing import (
    application_grants,
    cohort_grants,
    cohort_shown,
    evaluation_grants,
    explain_posting,
    in_audience,
    note_grants,
    placement_grants,
    posting_grants,
    review_grants,
)
from collab.projects.guards import register_gone

register_scope(Programme, Scope(view="programme.view", organisation="organisation", everyone=True))
register_scope(
    Cohort,
    Scope(view="programme.view", organisation="programme__organisation", grants=cohort_grants, also=cohort_shown),
)
register_scope(CheckPoint, Scope(view="programme.view", organisation="cohort__programme__organisation", everyone=True))
register_scope(Posting, Scope(view="posting.view", grants=posting_grants, explain=explain_posting, also=in_audience))
register_scope(Application, Scope(view="application.view", grants=application_grants()))
for row in (ApplicationDocument, ApplicationEvent, Interview):
    register_scope(row, Scope(view="application.view", grants=application_grants("application__")))
register_scope(BoardReview, Scope(view="application.view", grants=review_grants))
register_scope(PairRule, Scope(view="programme.manage", organisation="cohort__programme__organisation"))
register_scope(MatchRound, Scope(view="programme.manage", organisation="cohort__programme__organisation"))
register_case_table(
    attributes(
        "placements",
        "placement.view",
        "id student university host mentor supervisor starts_on ends_on hours state reason agreement",
        lambda project: (
            Placement.objects.filter(project=project)
            .select_related("student", "university", "host", "mentor", "supervisor", "agreement")
            .order_by("starts_on", "pk")
        ),
    )
)
register_scope(Placement, Scope(view="placement.view", grants=placement_grants()))
for part in (StudentSignature, LogEntry, MovedCheckPoint):
    register_scope(part, Scope(view="placement.view", grants=placement_grants("placement__")))
register_scope(PlacementNote, Scope(view="placement.view", grants=note_grants))
register_scope(Evaluation, Scope(view="placement.view", grants=evaluation_grants))

tell_dates_to(Cohort, CheckPoint, MovedCheckPoint, words=("programme.manage",))
register_kind(Kind("internship", gettext_lazy("Applications and placements move on"), "person-plus", Mail.NOW))
register_errands(errands_of_internships)
register_accepted(propose_placement)
register_closing(placements_open)
register_role_need(Role.INTERN, RoleNeed(host_takes_part, host_has_left))
register_gone("interns", host_gone)
register_attachable(Attachable(Posting, "posting.manage", gettext_lazy("Posting")))
register_executed(PLACEMENT, agreement_executed)
register_ended(PLACEMENT, agreement_ended)
register_beside(PLACEMENT, student_has_to_sign)
register_topic(
    Topic(
        PLACEMENT,
        gettext_lazy("Approval of a placement"),
        decisions=(Decision.APPROVED, Decision.RETURNED),
        on_decided=placement_decided,
        asker_may_decide=True,  # whoever last wrote at it; two organisations must still agree
        facts=facts_of_placement,
        effect=lambda request: gettext_lazy(
            "Your organisation approves the placement; when both have, the learning agreement goes out for signature."
        ),
    )
)
