"""Data-use codes: a small vocabulary after the Data Use Ontology, each with what it asks of a job's stated purpose."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Use(StrEnum):
    """What an owner may say of data."""

    GENERAL_RESEARCH = "general_research"
    NON_COMMERCIAL = "non_commercial"
    NOT_FOR_PROFIT = "not_for_profit"
    PUBLICATION_REQUIRED = "publication_required"
    COLLABORATION_REQUIRED = "collaboration_required"
    NO_METHODS = "no_methods"
    TIME_LIMIT = "time_limit"
    GEOGRAPHY = "geography"
    ETHICS_REQUIRED = "ethics_required"
    RETURN_RESULTS = "return_results"
    USER_SPECIFIC = "user_specific"
    INSTITUTION_SPECIFIC = "institution_specific"
    PROJECT_SPECIFIC = "project_specific"
    TOPIC_SPECIFIC = "topic_specific"


# Codes about who and when, decided in SQL with every request; the others are held against a job's stated purpose.
OF_PEOPLE = (Use.NOT_FOR_PROFIT, Use.TIME_LIMIT, Use.USER_SPECIFIC, Use.INSTITUTION_SPECIFIC)
# Codes that leave it to the owner of the data whether a job's purpose fits.
FOR_OWNER = (Use.ETHICS_REQUIRED, Use.PROJECT_SPECIFIC, Use.TOPIC_SPECIFIC)


@dataclass(frozen=True)
class Code:
    """`takes`: the parameter it needs (until, territories, people, organisations, text); `duo`: its term there.

    `asks`: the question of a job's stated purpose that it is held against.
    """

    use: Use
    duo: str
    label: StrOrPromise
    explanation: StrOrPromise
    takes: str = ""
    asks: str = ""


CODES: dict[str, Code] = {
    code.use.value: code
    for code in (
        Code(
            Use.GENERAL_RESEARCH,
            "DUO:0000042",
            _("General research"),
            _("Any research may use it; other codes may narrow this."),
        ),
        Code(
            Use.NON_COMMERCIAL,
            "DUO:0000046",
            _("Non-commercial use only"),
            _("No job with a commercial aim may use it."),
            asks="commercial",
        ),
        Code(
            Use.NOT_FOR_PROFIT,
            "DUO:0000045",
            _("Not-for-profit organisations only"),
            _("Only people who act for a university or a public body may use it."),
        ),
        Code(
            Use.PUBLICATION_REQUIRED,
            "DUO:0000019",
            _("Publication required"),
            _("Results made with it must be published."),
            asks="publish",
        ),
        Code(
            Use.COLLABORATION_REQUIRED,
            "DUO:0000020",
            _("Collaboration required"),
            _("Its owner takes part in the work."),
            asks="collaborate",
        ),
        Code(
            Use.NO_METHODS,
            "DUO:0000015",
            _("No methods research"),
            _("It must not serve to develop methods or software in general."),
            asks="methods",
        ),
        Code(
            Use.TIME_LIMIT,
            "DUO:0000025",
            _("Time limit"),
            _("It may be used until the day named; that day is the first without use."),
            "until",
        ),
        Code(
            Use.GEOGRAPHY,
            "DUO:0000022",
            _("Certain territories only"),
            _("It may be used in the countries named."),
            "territories",
            "territory",
        ),
        Code(
            Use.ETHICS_REQUIRED,
            "DUO:0000021",
            _("Ethics approval required"),
            _("A job names the approval of an ethics board; the owner looks at it."),
            asks="ethics",
        ),
        Code(
            Use.RETURN_RESULTS,
            "DUO:0000029",
            _("Derived data is returned"),
            _("Whoever derives data from it gives that to the owner."),
            asks="give_back",
        ),
        Code(
            Use.USER_SPECIFIC, "DUO:0000026", _("Named people only"), _("Only the people named may use it."), "people"
        ),
        Code(
            Use.INSTITUTION_SPECIFIC,
            "DUO:0000028",
            _("Named organisations only"),
            _("Only people who act for the organisations named may use it."),
            "organisations",
        ),
        Code(
            Use.PROJECT_SPECIFIC,
            "DUO:0000027",
            _("One piece of work only"),
            _("It serves only the work described; the owner says whether a job belongs to it."),
            "text",
            "about",
        ),
        Code(
            Use.TOPIC_SPECIFIC,
            "DUO:0000007",
            _("One topic only"),
            _("It serves only research on the topic named; the owner says whether a job does."),
            "text",
            "about",
        ),
    )
}


@dataclass(frozen=True)
class Question:
    """One answer of a stated purpose, as people are asked for it; yes or no, or a line of text."""

    name: str
    label: StrOrPromise
    hint: StrOrPromise = ""


QUESTIONS: dict[str, Question] = {
    question.name: question
    for question in (
        Question("about", _("What is the work about?"), _("In a line; the owner of the data and the team read it.")),
        Question(
            "commercial",
            _("Has the job a commercial aim?"),
            _("For example a product, a service, or licences for a fee."),
        ),
        Question(
            "methods",
            _("Does it develop methods in general?"),
            _("No, when it answers a question of its subject rather than how nets are trained."),
        ),
        Question("publish", _("Will the results be published?"), _("For example as a paper or a public report.")),
        Question(
            "collaborate",
            _("Does the owner of the data take part in the work?"),
            _("More than by giving the data."),
        ),
        Question(
            "give_back",
            _("Will derived data be given to the owner?"),
            _("For example labels, cleaned rows or embeddings."),
        ),
        Question("territory", _("In which country is it run?"), _("In two letters, for example SE.")),
        Question(
            "ethics",
            _("Which approval of an ethics board covers it?"),
            _("Its reference; the owner of the data looks at it."),
        ),
    )
}


def label_of(code: str) -> str:
    """The code in the reader's language."""
    return str(CODES[code].label) if code in CODES else code
