"""How disclosures and cases hang on organisations and people. Imported once, when Django is ready."""

from collab.access.policy import Scope, register_scope
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
register_scope(Criterion, Scope(view="assessment.view", organisation="organisation"))
register_scope(NoveltyRule, Scope(view="organisation.view", everyone=True))
