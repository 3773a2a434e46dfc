"""How disclosures and cases hang on organisations and people. Imported once, when Django is ready."""

from django.utils.translation import gettext_lazy as _

from collab.access.policy import Scope, register_scope
from collab.inbox.kinds import Kind, register_kind
from collab.inbox.states import Decision, Mail
from collab.inbox.telling import tell_dates_to
from collab.inbox.topics import Topic, register_topic
from collab.transfer.disclosures.asking import (
    ASSESSMENT,
    DECISION,
    effect_of_decision,
    facts_of_decision,
    may_decide,
    only_on_page,
)
from collab.transfer.disclosures.models import (
    Assessment,
    AssessmentScore,
    CaseStage,
    Criterion,
    DisclosedResult,
    Disclosure,
    DisclosureSignature,
    Funding,
    Inventor,
    NoveltyRule,
    PriorArt,
    TransferCase,
)
from collab.transfer.disclosures.note_models import CaseNote
from collab.transfer.disclosures.services import decided
from collab.transfer.disclosures.standing import assesses, grants, grants_through

# Never by the project: the other parties of a project do not see what one of them discloses.
register_scope(TransferCase, Scope(view="disclosure.view", organisation="organisation", grants=grants))
for part, path in (
    (Disclosure, "case"),
    (Inventor, "disclosure__case"),
    (DisclosureSignature, "inventor__disclosure__case"),
    (Funding, "disclosure__case"),
    (PriorArt, "disclosure__case"),
    (DisclosedResult, "case"),
    (CaseStage, "case"),
):
    register_scope(
        part, Scope(view="disclosure.view", organisation=f"{path}__organisation", grants=grants_through(path))
    )
register_scope(Assessment, Scope(view="assessment.view", organisation="case__organisation", grants=assesses()))
register_scope(
    AssessmentScore,
    Scope(view="assessment.view", organisation="assessment__case__organisation", grants=assesses("assessment")),
)
register_scope(CaseNote, Scope(view="case.view", organisation="case__organisation"))  # never for its inventors
register_scope(Criterion, Scope(view="assessment.view", organisation="organisation"))
register_scope(NoveltyRule, Scope(view="organisation.view", everyone=True))

tell_dates_to(TransferCase, words=("case.view",))
register_kind(Kind("transfer", _("A disclosure or a case of technology transfer moves on"), "stars", Mail.NOW))
register_topic(
    Topic(
        DECISION,
        _("Decision on a disclosure"),
        decisions=(Decision.APPROVED, Decision.RETURNED),
        on_decided=decided,
        may_answer=may_decide,
        facts=facts_of_decision,
        effect=effect_of_decision,
    )
)
register_topic(
    Topic(
        ASSESSMENT,
        _("Assessment of a disclosure"),
        decisions=(Decision.APPROVED,),
        due_days=21,
        elsewhere=only_on_page,
        effect=lambda request: _("Your scores and your recommendation go to the office, which decides."),
        delegable=False,
        next_answers=False,
    )
)
