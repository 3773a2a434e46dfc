"""The ethics of the demo story: a committee, a case on the full route with an open condition, a self-assessment."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import User
from collab.accounts.services import grant_organisation_role
from collab.ethics.deciding import ConditionTerm, ask_applicants, assign, decide_case, submit_review
from collab.ethics.models import EthicsCase, EthicsForm
from collab.ethics.services import (
    answer_question,
    begin_assessment,
    begin_case,
    claim_condition,
    finish_assessment,
    found_committee,
    save_answers,
    submit_case,
)
from collab.ethics.shipped import load_forms
from collab.projects.models import Project
from training.demo_neighbours import Cast, grant_admin

_ANSWERS = {
    "aim": "Read handwritten labels on shelves, on the robot itself, from photographs of real storerooms.",
    "benefit": "Staff of small storerooms search less. People who walk through the picture bear the risk.",
    "people": False,
    "personal": True,
    "special": False,
    "masking": "Filtered by patterns",
    "abroad": True,
    "erasure": "Photographs are kept for two years. Whoever withdraws is taken out, and the model is trained anew.",
    "health": False,
    "burden": 2,
    "own_risk": False,
    "size": "Up to 1 billion parameters",
    "scraped": False,
    "deployment": "A pilot with people",
    "decisions": False,
    "dual_use": False,
    "security": False,
}
_LOW = {"attacks": 2, "reliance": 2, "reach": 3}


def tell_the_ethics(cast: Cast, password: str) -> EthicsCase:
    """Add it to the project about labels on shelves."""
    load_forms()
    project = Project.objects.get(title="Small eyes for small robots")
    hashed = make_password(password)

    def member(name: str, email: str, role: Role) -> User:
        user = User.objects.create_user(email, None, name=name)
        user.password = hashed
        user.save(update_fields=["password"])
        grant_organisation_role(organisation=cast.meridian, user=user, role=role, by=None)
        return user

    chair = member("Beatriz Lima", "beatriz.lima@meridian.example", Role.ETHICS_CHAIR)
    reviewers = [
        member("Jonas Weber", "jonas.weber@meridian.example", Role.ETHICS_REVIEWER),
        member("Aiko Tanaka", "aiko.tanaka@meridian.example", Role.ETHICS_REVIEWER),
    ]
    committee = found_committee(
        organisation=cast.meridian, name="Research ethics committee", name_zh="科研伦理委员会",
        by=grant_admin(cast.meridian),
    )  # fmt: skip
    lead = cast.professor
    form = EthicsForm.objects.get(code="project-ethics")
    case = begin_case(project=project, committee=committee, form=form, title="Photographs of storerooms", by=lead)
    case = save_answers(row=case, answers=_ANSWERS, number=1, version=case.version, by=lead)
    case = submit_case(case=case, number=1, by=lead)
    reviews = assign(case=case, reviewers=reviewers, by=chair)
    question = ask_applicants(case=case, key="masking", text="Are faces blurred before anybody sees them?", by=chair)
    answer_question(question=question, text="So far only in what is published.", by=lead)
    for review, opinion, text in zip(
        reviews,
        ("conditions", "favour"),
        ("Blur the faces before training, not after.", "The benefit is plain, and the burden small."),
        strict=True,
    ):
        submit_review(review=review, opinion=opinion, text=text, by=review.reviewer, version=review.version)
    today = timezone.localdate()
    case = decide_case(
        case=case,
        decision="approved_with_conditions",
        reason="Useful, and careful with people once their faces are gone.",
        blocks=["jobs", "data"],
        valid_until=today + timedelta(days=730),
        monitor_months=6,
        conditions=[
            ConditionTerm("Faces in the photographs are blurred before a model is trained on them.", ["jobs", "data"]),
            ConditionTerm(
                "The checklist of the model's documentation is finished.", ["releases"], today + timedelta(60)
            ),
        ],
        by=chair,
    )
    claim_condition(
        condition=case.conditions.get(number=1),
        evidence="Version 2 of the photographs; script in the project.",
        by=lead,
    )
    form = EthicsForm.objects.get(code="trustworthy-ai")
    row = begin_assessment(project=project, form=form, by=lead)
    answers = {
        question["key"]: _LOW.get(question["key"], 4) if question["type"] == "scale" else question["key"] != "audited"
        for question in row.questions
    }
    row = save_answers(row=row, answers=answers, number=1, version=row.version, by=lead)
    finish_assessment(row=row, by=lead)
    return case
