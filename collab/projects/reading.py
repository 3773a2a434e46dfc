"""Projects in words, and a review as each may see it: who proposes, who reviews and what they said stay hidden."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.accounts.models import User
from collab.projects.models import Review, ReviewStep
from collab.projects.services.review import mean_score
from collab.projects.states import ProjectState, ReviewState, StepState

STATE_WORDS = {
    ProjectState.IDEA: gettext_lazy("Idea"),
    ProjectState.PROPOSAL: gettext_lazy("Proposal"),
    ProjectState.UNDER_REVIEW: gettext_lazy("Under review"),
    ProjectState.IN_APPROVAL: gettext_lazy("In approval"),
    ProjectState.CONTRACTING: gettext_lazy("Contracting"),
    ProjectState.ACTIVE: gettext_lazy("Active"),
    ProjectState.SUSPENDED: gettext_lazy("Suspended"),
    ProjectState.CLOSING: gettext_lazy("Closing"),
    ProjectState.CLOSED: gettext_lazy("Closed"),
    ProjectState.REJECTED: gettext_lazy("Rejected"),
    ProjectState.WITHDRAWN: gettext_lazy("Withdrawn"),
    ProjectState.TERMINATED: gettext_lazy("Terminated"),
}

_DECIDED = {StepState.PASSED, StepState.REFUSED, StepState.RETURNED}


def review_lines(step: ReviewStep, user: User) -> dict[str, Any]:
    """A step with its reviews, as far as the person may see them.

    The chair sees all. Others see what was submitted once the step is decided, without names where it is blind.
    """
    chairs = step.chair_id == user.pk
    decided = step.state in _DECIDED
    current = step.project.round if step.project else 0
    rows = [row for row in step.reviews.all() if row.round == current]
    given = [row for row in rows if row.state == ReviewState.SUBMITTED]
    shown = [_line(row, number, step, chairs) for number, row in enumerate(rows, 1) if chairs or row in given]
    return {
        "step": step,
        "asked": len([row for row in rows if row.state != ReviewState.RECUSED]),
        "given": len(given),
        "score": mean_score(given) if chairs or decided else None,
        "reviews": shown if chairs or decided else [],
        "chairs": chairs,
    }


def _line(row: Review, number: int, step: ReviewStep, chairs: bool) -> dict[str, Any]:
    told = row.state == ReviewState.SUBMITTED
    return {
        "id": row.pk,
        "who": str(row.reviewer) if chairs or not step.blind else _("Reviewer %(n)d") % {"n": number},
        "state": row.state,
        "score": row.score if told else None,
        "recommendation": row.get_recommendation_display() if told else "",
        "recommendation_code": row.recommendation if told else "",
        "comment": row.comment if told else "",
        "answers": [
            {"key": q["key"], "question": q["label"], "answer": row.answers.get(q["key"])}
            for q in (row.questionnaire.questions if row.questionnaire_id and told else [])
        ],
    }
