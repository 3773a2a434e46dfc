"""Forms of ethics: a questionnaire as fields, and the acts of applicants and committee."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.accounts.models import Organisation, User
from collab.ethics.deciding import CONDITIONS_MAX, ConditionTerm
from collab.ethics.models import (
    EthicsCase,
    EthicsCommittee,
    EthicsCondition,
    EthicsFile,
    EthicsForm,
    EthicsReport,
    EthicsReview,
    Purpose,
)
from collab.ethics.questions import shown, text_of
from collab.ethics.services import FORM_TEXTS
from collab.ethics.standing import members_of, near_to
from collab.ethics.states import AREA_WORDS, CaseState
from collab.inbox.states import DECISION_WORDS, OPINION_WORDS, Decision
from collab.kernel.months import add_months
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.projects.models import ConflictOfInterest
from collab.projects.questions import label_of
from collab.web.forms import DayInput, OnceForm, PageForm

AREAS = tuple(AREA_WORDS.items())


# What the answers mean to an appeal against conditions.
ON_CONDITIONS = {
    Decision.APPROVED: _("The appeal is right: the conditions are lifted"),
    Decision.APPROVED_WITH_CONDITIONS: _("Partly right: the conditions below take their place"),
    Decision.REJECTED: _("The conditions stand, and the approval as it was"),
}


def _text(label: Any, rows: int, most: int, **more: Any) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows})
    return forms.CharField(label=label, max_length=most, validators=[PlainTextValidator()], widget=widget, **more)


def _areas(label: Any, **more: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, choices=AREAS, required=False, widget=forms.CheckboxSelectMultiple, **more
    )


# --- answers
class AnswersForm(PageForm):
    """A questionnaire as fields; a branch is shown once the answer is given that opens it."""

    def __init__(self, *args: Any, row: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        for question in row.questions:
            field = _field(question)
            value = row.answers.get(question["key"])
            field.initial = {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value
            self.fields[f"q_{question['key']}"] = field
        self.fields["number"] = forms.IntegerField(widget=forms.HiddenInput, initial=row.form_version.number)
        self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=row.version)

    def values(self) -> dict[str, Any]:
        """What the verb takes."""
        return {
            "answers": self._answers(),
            "number": self.cleaned_data["number"],
            "version": self.cleaned_data["version"],
        }

    def _answers(self) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        for question in self.row.questions:
            value = self.cleaned_data.get(f"q_{question['key']}")
            if value in (None, ""):
                continue
            kind = question["type"]
            answers[question["key"]] = value == "true" if kind == "yes_no" else int(value) if kind == "scale" else value
        return answers

    def place_of(self, fault: Any, field: str | None) -> str | None:
        key = fault.path.removeprefix("answers.")
        return f"q_{key}" if f"q_{key}" in self.fields else super().place_of(fault, field)

    def sections(self) -> list[dict[str, Any]]:
        """The questions by section, each with what the page must know to show it."""
        carried = self.row.carried
        fresh = set(carried.new if carried else ())
        changed = set(carried.changed if carried else ())
        answers = self._answers() if self.is_bound and hasattr(self, "cleaned_data") else self.row.answers
        asked = {question["key"] for question in shown(self.row.questions, answers)}
        found: dict[str, list[dict[str, Any]]] = {}
        for question in self.row.questions:
            branch, key = question.get("show_if"), question["key"]
            says = [str(v).lower() if isinstance(v, bool) else str(v) for v in branch["is"]] if branch else []
            found.setdefault(text_of(question, "section"), []).append(
                {
                    "field": self[f"q_{key}"],
                    "on": f"q_{branch['key']}" if branch else "",
                    "is": json.dumps(says, ensure_ascii=False) if branch else "",
                    "asked": key in asked,
                    "new": key in fresh,
                    "changed": key in changed,
                }
            )
        return [{"name": name, "lines": lines} for name, lines in found.items()]


def _field(question: dict[str, Any]) -> forms.Field:
    facts = {"label": label_of(question), "help_text": text_of(question, "help"), "required": False}
    if question["type"] == "text":
        return forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000, **facts)
    options, said = question["options"], question.get("options_zh") or question["options"]
    choices = {
        "yes_no": [("true", _("Yes")), ("false", _("No"))],
        "scale": [(str(n), str(n)) for n in range(1, 6)],
        "choice": [(o, text_of({"o": o, "o_zh": zh}, "o")) for o, zh in zip(options, said, strict=True)],
    }[question["type"]]
    return forms.ChoiceField(choices=[("", "—"), *choices], **facts)


# --- applicants
class CaseForm(OnceForm):
    title = forms.CharField(label=_("Title"), max_length=200, validators=[DisplayNameValidator()])
    committee = forms.ModelChoiceField(
        EthicsCommittee.objects.none(), label=_("Committee"), empty_label=None, help_text=_("It decides about it.")
    )
    form = forms.ModelChoiceField(EthicsForm.objects.none(), label=_("Questionnaire"), empty_label=None)

    def __init__(self, *args: Any, project: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parties = project.parties.filter(left_on=None).values("organisation")
        committees: Any = self.fields["committee"]
        committees.queryset = EthicsCommittee.objects.filter(organisation__in=parties).select_related("organisation")
        questionnaires: Any = self.fields["form"]
        rows = EthicsForm.objects.filter(purpose=Purpose.REVIEW)
        questionnaires.queryset = rows.filter(organisation=None) | rows.filter(organisation__in=parties)


class FollowForm(OnceForm):
    title = forms.CharField(label=_("Title"), max_length=200, validators=[DisplayNameValidator()])


class SubmitForm(PageForm):
    note = _text(_("What was changed"), 3, 4000, required=False)


class WordsForm(PageForm):
    """One text: an answer, a question, evidence, a ground."""

    text = _text(_("Text"), 4, 4000)

    def __init__(self, *args: Any, label: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if label:
            self.fields["text"].label = label


class AskForm(WordsForm):
    key = forms.ChoiceField(label=_("About"), required=False)
    field_order = ("key", "text")

    def __init__(self, *args: Any, case: EthicsCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].label = _("Question")
        key: Any = self.fields["key"]
        key.choices = [("", _("the whole application")), *((q["key"], label_of(q)) for q in case.questions)]


class ReportForm(OnceForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=EthicsReport.Kind.choices, widget=forms.RadioSelect)
    severity = forms.ChoiceField(
        label=_("Severity"), choices=[("", "—"), *EthicsReport.Severity.choices], required=False,
        help_text=_("Of an incident."),
    )  # fmt: skip
    happened_on = forms.DateField(
        label=_("Happened on"), required=False, widget=DayInput, help_text=_("Of an incident.")
    )
    text = _text(_("Report"), 6, 8000)


class FileForm(PageForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=EthicsFile.Kind.choices)
    file = forms.FileField(
        label=_("File"),
        max_length=4096,
        allow_empty_file=True,
        help_text=_("PDF, PNG or JPEG. The committee reads it once the application is submitted."),
    )


# --- committee


class AssignForm(OnceForm):
    reviewers = forms.ModelMultipleChoiceField(
        User.objects.none(), label=_("Reviewers"), widget=forms.CheckboxSelectMultiple
    )
    due_on = forms.DateField(label=_("Due"), required=False, widget=DayInput)

    def __init__(self, *args: Any, case: EthicsCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = case.reviews.filter(round=case.round).values("reviewer")
        field: Any = self.fields["reviewers"]
        people = User.objects.filter(pk__in=members_of(case).values("user"))
        field.queryset = people.exclude(pk__in=near_to(case)).exclude(pk__in=asked).order_by("name")


class ReviewForm(PageForm):
    opinion = forms.ChoiceField(label=_("Advice"), choices=list(OPINION_WORDS.items()), widget=forms.RadioSelect)
    text = _text(_("Why"), 6, 8000)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, review: EthicsReview, **kwargs: Any) -> None:
        initial = {"opinion": review.opinion, "text": review.text, "version": review.version}
        super().__init__(*args, initial=initial, **kwargs)


class ConflictForm(PageForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=ConflictOfInterest.Kind.choices)
    text = _text(_("What it is"), 3, 2000)


class MoveForm(PageForm):
    """A move with its reason or plan."""

    move = forms.CharField(max_length=20)
    reason = forms.CharField(max_length=2000, required=False, validators=[PlainTextValidator()])


class HoldForm(OnceForm):
    reason = _text(_("Reason"), 4, 4000)


class DecideForm(OnceForm):
    """The decision, what needs it, until when it holds, and its conditions."""

    decision = forms.ChoiceField(label=_("Decision"), choices=list(DECISION_WORDS.items()), widget=forms.RadioSelect)
    reason = _text(_("Reason"), 4, 5000, required=False)
    blocks = _areas(_("Without an approval that holds, this stops"))
    valid_until = forms.DateField(
        label=_("Valid until"), required=False, widget=DayInput, help_text=_("The last day on which it holds.")
    )
    monitor_months = forms.IntegerField(label=_("Months between reports"), required=False, min_value=1, max_value=60)
    round = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, case: EthicsCase, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "valid_until": add_months(timezone.localdate(), case.committee.validity_months),
            "blocks": case.blocks,
            "round": case.round,
        }
        super().__init__(*args, **kwargs)
        if case.state == CaseState.APPEALED or case.appealed_at is not None:
            decision: Any = self.fields["decision"]
            words = DECISION_WORDS | (ON_CONDITIONS if case.appeals_conditions else {})
            decision.choices = [(d, w) for d, w in words.items() if d != Decision.RETURNED]
        for n in range(1, CONDITIONS_MAX + 1):
            self.fields[f"text_{n}"] = _text(_("Condition"), 2, 500, required=False)
            self.fields[f"blocks_{n}"] = _areas(_("Until it is met, this stops"))
            self.fields[f"due_{n}"] = forms.DateField(
                label=_("To be met by"), required=False, widget=DayInput,
                help_text=_("It blocks after this day; without one it blocks at once."),
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        for n in range(1, CONDITIONS_MAX + 1):
            if not given.get(f"text_{n}") and (given.get(f"blocks_{n}") or given.get(f"due_{n}")):
                self.add_error(f"text_{n}", _now("Write what must be met."))
        return given

    def values(self) -> dict[str, Any]:
        given = super().values()
        decision = given["decision"]
        approves = decision in {Decision.APPROVED, Decision.APPROVED_WITH_CONDITIONS}
        terms = [
            ConditionTerm(given[f"text_{n}"], given[f"blocks_{n}"], given[f"due_{n}"])
            for n in range(1, CONDITIONS_MAX + 1)
            if given[f"text_{n}"]
        ]
        return {
            "decision": decision,
            "reason": given["reason"],
            "blocks": given["blocks"],
            "valid_until": given["valid_until"] if approves else None,
            "monitor_months": given["monitor_months"] if approves else None,
            "conditions": terms,
            "read_round": given["round"],
        }

    def base(self) -> list[Any]:
        names = ("decision", "reason", "blocks", "valid_until", "monitor_months")
        return [self[name] for name in names]

    def terms(self) -> Iterable[list[Any]]:
        for n in range(1, CONDITIONS_MAX + 1):
            yield [self[f"text_{n}"], self[f"blocks_{n}"], self[f"due_{n}"]]


class CorrectForm(OnceForm):
    """What stands in a decision, to put a slip of it right; open conditions with their day."""

    reason = _text(_("Reason"), 3, 4000, help_text=_("The people of the project read it beside what was changed."))
    valid_until = forms.DateField(
        label=_("Valid until"), widget=DayInput, help_text=_("The last day on which it holds.")
    )
    monitor_months = forms.IntegerField(label=_("Months between reports"), required=False, min_value=1, max_value=60)
    blocks = _areas(_("Without an approval that holds, this stops"))
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, case: EthicsCase, conditions: Iterable[EthicsCondition], **kwargs: Any) -> None:
        names = ("valid_until", "monitor_months", "blocks", "version")
        super().__init__(*args, initial={name: getattr(case, name) for name in names}, **kwargs)
        self.numbers = [row.number for row in conditions]
        for row in conditions:
            said = {"n": row.number}
            self.fields[f"due_{row.number}"] = forms.DateField(
                label=_("Condition %(n)d: to be met by") % said, required=False, widget=DayInput, initial=row.due_on,
                help_text=str(row),
            )  # fmt: skip
            self.fields[f"blocks_{row.number}"] = _areas(_("Condition %(n)d: what it stops") % said, initial=row.blocks)

    def values(self) -> dict[str, Any]:
        given = super().values()
        names = ("reason", "valid_until", "monitor_months", "blocks", "version")
        conditions = [{"number": n, "due_on": given[f"due_{n}"], "blocks": given[f"blocks_{n}"]} for n in self.numbers]
        return {name: given[name] for name in names} | {"conditions": conditions}


class CommitteeForm(PageForm):
    name = forms.CharField(label=_("Name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = forms.CharField(
        label=_("Chinese name"), max_length=120, required=False, validators=[PlainTextValidator()]
    )
    minimum_reviews = forms.IntegerField(
        label=_("Fewest reviews on the full route"), min_value=0, max_value=20, initial=2
    )
    short_days = forms.IntegerField(
        label=_("Days to decide on the short route"), min_value=1, max_value=365, initial=10
    )
    full_days = forms.IntegerField(label=_("Days to decide on the full route"), min_value=1, max_value=365, initial=40)
    validity_months = forms.IntegerField(
        label=_("Months that an approval usually holds"), min_value=1, max_value=120, initial=24
    )
    reviewers_see_all = forms.BooleanField(
        label=_("Reviewers see all cases"), required=False,
        help_text=_("Otherwise only those they were asked to review."),
    )  # fmt: skip
    seals_reviews = forms.BooleanField(
        label=_("Reviews are sealed"), required=False,
        help_text=_("Reviewers read each other's only once all of the round are in."),
    )  # fmt: skip
    shows_reviewers = forms.BooleanField(
        label=_("Applicants see who reviewed"), required=False,
        help_text=_("With what was advised, once it is decided. Otherwise they read neither."),
    )  # fmt: skip
    holds = _areas(_("While the full route is not decided, this waits"))

    def values(self) -> dict[str, Any]:
        given = {name: value for name, value in self.cleaned_data.items() if name != "holds"}
        return given | {f"holds_{area}": area in self.cleaned_data["holds"] for area in AREA_WORDS}


class EditCommitteeForm(CommitteeForm):
    version = forms.IntegerField(widget=forms.HiddenInput)

    @staticmethod
    def about(committee: EthicsCommittee) -> dict[str, Any]:
        names = (
            "name", "name_zh", "minimum_reviews", "short_days", "full_days", "validity_months", "reviewers_see_all",
            "seals_reviews", "shows_reviewers", "version",
        )  # fmt: skip
        held = [area.value for area in AREA_WORDS if getattr(committee, f"holds_{area}")]
        return {name: getattr(committee, name) for name in names} | {"holds": held}


class NewCommitteeForm(CommitteeForm):
    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=_("Organisation"), empty_label=None)
    field_order = ("organisation", "name", "name_zh")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organisation"]
        rows = visible_to(user, "ethics.manage", Organisation.objects.filter(ethics_committee=None))
        field.queryset = rows.order_by("name")


class VersionForm(PageForm):
    """Questions and rules as JSON: what a text editor, or a program, writes."""

    questions = forms.CharField(
        label=_("Questions"),
        max_length=120_000,
        widget=forms.Textarea(attrs={"rows": 18, "class": "mono", "spellcheck": "false"}),
        help_text=_("A list; each with key, type, label, and where needed section, help, options, show_if, weight."),
    )
    rules = forms.CharField(
        label=_("Rules of triage"),
        max_length=60_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
        help_text=_("A list; each with code, question, the answers (is) or at_least, and the reason."),
    )

    def clean_questions(self) -> Any:
        return _json(self.cleaned_data["questions"])

    def clean_rules(self) -> Any:
        return _json(self.cleaned_data["rules"] or "[]")


class FormTextsForm(PageForm):
    """The names of a questionnaire and what stands above its questions."""

    name = forms.CharField(label=_("Name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = forms.CharField(
        label=_("Chinese name"), max_length=120, required=False, validators=[PlainTextValidator()]
    )
    note = _text(_("Note"), 2, 2000, required=False)
    note_zh = _text(_("Chinese note"), 2, 2000, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)

    @staticmethod
    def about(form: EthicsForm) -> dict[str, Any]:
        return {name: getattr(form, name) for name in (*FORM_TEXTS, "version")}


class NewFormForm(VersionForm):
    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=_("Organisation"), empty_label=None)
    purpose = forms.ChoiceField(label=_("Purpose"), choices=Purpose.choices)
    code = forms.SlugField(label=_("Code"), max_length=60, help_text=_("Small letters and dashes; it never changes."))
    name = forms.CharField(label=_("Name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = forms.CharField(
        label=_("Chinese name"), max_length=120, required=False, validators=[PlainTextValidator()]
    )
    note = _text(_("Note"), 2, 2000, required=False)
    note_zh = _text(_("Chinese note"), 2, 2000, required=False)
    field_order = ("organisation", "purpose", "code", "name", "name_zh", "note", "note_zh")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organisation"]
        field.queryset = visible_to(user, "ethics.manage", Organisation.objects.all()).order_by("name")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise forms.ValidationError(_now("This is not JSON.")) from None
