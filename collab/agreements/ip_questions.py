"""A few questions that lead to a first proposal of the intellectual property terms, each with its reason.

The proposal is where the talk begins, not what is right: whoever drafts changes every term, and no figure is fixed here
but the starting values that the form shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from collab.agreements.ip import AccessCondition, AccessRight, PartnerRight, ResultsOwner

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Question:
    """One question with its answers: value, words."""

    name: str
    text: StrOrPromise
    answers: tuple[tuple[str, StrOrPromise], ...]


QUESTIONS = (
    Question(
        "work",
        _("Who does the inventive work?"),
        (
            ("university", _("mostly the university")),
            ("company", _("mostly the company")),
            ("separate", _("each party in its own part")),
            ("together", _("all of them at the same things")),
        ),
    ),
    Question(
        "money",
        _("Who pays for it?"),
        (
            ("company", _("the company pays the full cost")),
            ("shared", _("the company pays a part")),
            ("own", _("each party pays its own")),
            ("public", _("a public funder pays")),
        ),
    ),
    Question(
        "use",
        _("What does the company want to do with the results?"),
        (
            ("nothing", _("nothing in particular")),
            ("use", _("use them in its field, beside others")),
            ("exclusive", _("perhaps be the only one to use them in its field")),
            ("own", _("perhaps own them")),
        ),
    ),
    Question(
        "publish",
        _("Will somebody publish, or write a thesis?"),
        (("yes", _("yes")), ("no", _("no"))),
    ),
    Question(
        "secrets",
        _("Does a party bring confidential background along?"),
        (("yes", _("yes")), ("no", _("no"))),
    ),
)


@dataclass
class Proposal:
    """Terms, and for each of them why."""

    terms: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, StrOrPromise] = field(default_factory=dict)

    def say(self, name: str, value: Any, reason: StrOrPromise) -> None:
        self.terms[name] = value
        self.reasons[name] = reason


def faults_of(answers: Mapping[str, str]) -> list[str]:
    """Names of the questions without one of their answers."""
    return [q.name for q in QUESTIONS if answers.get(q.name) not in {value for value, _words in q.answers}]


def propose(answers: Mapping[str, str]) -> Proposal:
    """What usually follows from the answers. Every question must be answered (`faults_of`)."""
    proposal = Proposal()
    _ownership(answers, proposal)
    _right(answers, proposal)
    _access(answers, proposal)
    _publication(answers, proposal)
    return proposal


def _ownership(answers: Mapping[str, str], proposal: Proposal) -> None:
    work, money, use = answers["work"], answers["money"], answers["use"]
    if work == "company" or (money == "company" and use == "own" and work == "university"):
        reason = (
            _("The company does most of the inventive work.")
            if work == "company"
            else _("The company pays the full cost and may want to own the results.")
        )
        proposal.say("results_owner", ResultsOwner.COMPANY.value, reason)
    elif work == "university":
        proposal.say(
            "results_owner", ResultsOwner.UNIVERSITY.value, _("The university does most of the inventive work.")
        )
    elif work == "separate":
        proposal.say(
            "results_owner",
            ResultsOwner.OWN.value,
            _("Each party works in its own part, so what it makes can be told apart."),
        )
    else:
        proposal.say(
            "results_owner",
            ResultsOwner.JOINT.value,
            _("The parties work at the same things, so nobody can tell the results apart. Agree early who files."),
        )


def _right(answers: Mapping[str, str], proposal: Proposal) -> None:
    use, owner = answers["use"], proposal.terms["results_owner"]
    if use == "nothing" or owner == ResultsOwner.COMPANY:
        reason = (
            _("The company owns the results and needs no further right.")
            if owner == ResultsOwner.COMPANY
            else _("The company asks for nothing beyond the project.")
        )
        proposal.say("partner_right", PartnerRight.NONE.value, reason)
    elif use == "use":
        proposal.say(
            "partner_right",
            PartnerRight.NON_EXCLUSIVE.value,
            _("The company wants to use results beside others: a non-exclusive licence in its field is enough."),
        )
    elif use == "exclusive":
        proposal.say(
            "partner_right",
            PartnerRight.OPTION_LICENCE.value,
            _("Whether an exclusive licence is worth its price shows only with the results: an option keeps it open."),
        )
    else:
        proposal.say(
            "partner_right",
            PartnerRight.OPTION_ASSIGNMENT.value,
            _("Whether the company needs to own the results shows only later: an option keeps it open."),
        )
    if proposal.terms["partner_right"] in {PartnerRight.OPTION_LICENCE, PartnerRight.OPTION_ASSIGNMENT}:
        period = _("A starting value: long enough to judge the results, short enough not to block them.")
        proposal.say("option_days", 90, period)
        proposal.say("negotiation_days", 90, period)


def _access(answers: Mapping[str, str], proposal: Proposal) -> None:
    exploits = answers["use"] != "nothing"
    project = _("The work of the project needs it.")
    further = _("Results that rest on background cannot be used without it.")
    proposal.say(
        "background_access",
        (AccessRight.EXPLOITATION if exploits else AccessRight.PROJECT).value,
        further if exploits else project,
    )
    proposal.say(
        "background_condition",
        (AccessCondition.FAIR if exploits else AccessCondition.ROYALTY_FREE).value,
        _("Background was paid for by its owner, so its use beyond the project has a price.") if exploits else project,
    )
    public = answers["money"] == "public"
    proposal.say(
        "results_access",
        (AccessRight.EXPLOITATION if public or exploits else AccessRight.PROJECT).value,
        _("A public funder usually asks for it.") if public else (further if exploits else project),
    )
    proposal.say(
        "results_condition",
        (AccessCondition.FAIR if exploits and not public else AccessCondition.ROYALTY_FREE).value,
        _("Everybody in the project paid with work.")
        if not exploits or public
        else _("Use beyond the project should pay back what others put in."),
    )
    proposal.say(
        "academic_use", True, _("The university must be able to teach and to go on with research on the results.")
    )


def _publication(answers: Mapping[str, str], proposal: Proposal) -> None:
    if answers["publish"] == "yes":
        days = 45 if answers["secrets"] == "yes" else 30
        proposal.say(
            "publication_notice_days",
            days,
            _("A starting value: the other party needs time to look for confidential background.")
            if answers["secrets"] == "yes"
            else _("A starting value: enough to see whether something should be protected first."),
        )
        proposal.say(
            "publication_delay_days", 90, _("A starting value: an application can be filed within it. It has an end.")
        )
    if answers["secrets"] == "yes":
        proposal.say(
            "confidentiality_years", 5, _("A starting value: confidential background is still worth something then.")
        )
