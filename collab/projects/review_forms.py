"""Forms of the review: steps, questionnaires, reviews, conflicts of interest, decisions."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.accounts.models import Organisation, User
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.projects.models import ConflictOfInterest, QuestionnaireVersion, Recommendation, Review, ReviewStep
from collab.projects.questions import label_of
from collab.web.forms import OnceForm, PageForm


class PeopleField(forms.CharField):
    """People named by their addresses, one on a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3}), **kwargs)

    def clean(self, value: Any) -> list[User]:
        text = super().clean(value)
        wanted = [line.strip().lower() for line in text.replace(",", "\n").splitlines() if line.strip()]
        found = {user.email: user for user in User.objects.filter(email__in=wanted, is_active=True)}
        unknown = [address for address in wanted if address not in found]
        if unknown:
            raise forms.ValidationError(_now("Nobody has the address %(email)s.") % {"email": unknown[0]})
        return [found[address] for address in dict.fromkeys(wanted)]


class StepForm(OnceForm):
    """Set up a review step."""

    name = forms.CharField(label=_("Name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = forms.CharField(
        label=_("Chinese name"), max_length=120, required=False, validators=[PlainTextValidator()]
    )
    chair = forms.EmailField(label=_("Chair"), help_text=_("The address of the person who decides this step."))
    reviewers = PeopleField(label=_("Reviewers"), help_text=_("Their addresses, one on each line."), max_length=4000)
    questionnaire = forms.ModelChoiceField(
        QuestionnaireVersion.objects.none(), label=_("Questionnaire"), required=False
    )
    minimum_reviews = forms.IntegerField(label=_("Fewest reviews"), min_value=1, max_value=50, initial=1)
    minimum_score = forms.DecimalField(
        label=_("Lowest mean score"),
        min_value=0,
        max_value=10,
        max_digits=4,
        decimal_places=1,
        required=False,
        help_text=_("From 0 to 10. Empty: the score does not bind the chair."),
    )
    due_days = forms.IntegerField(label=_("Days to review"), min_value=1, max_value=365, initial=14)
    blind = forms.BooleanField(
        label=_("Blind"), required=False, help_text=_("Reviewers do not learn who proposes, nor anybody who reviews.")
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["questionnaire"]
        field.queryset = visible_to(
            user, "organisation.view", QuestionnaireVersion.objects.select_related("questionnaire")
        )

    def clean_chair(self) -> User:
        chair = User.objects.filter(email__iexact=self.cleaned_data["chair"], is_active=True).first()
        if chair is None:
            raise forms.ValidationError(_now("Nobody has this address."))
        return chair


class EditStepForm(StepForm):
    version = forms.IntegerField(widget=forms.HiddenInput)

    @staticmethod
    def about(step: ReviewStep) -> dict[str, Any]:
        """What the form shows first."""
        names = ("name", "name_zh", "questionnaire", "minimum_reviews", "minimum_score", "due_days", "blind", "version")
        shown = {name: getattr(step, name) for name in names}
        people = step.reviewers.values_list("email", flat=True)
        return shown | {"chair": step.chair.email, "reviewers": "\n".join(people)}


class QuestionsForm(PageForm):
    """The questions as JSON: what a text editor, or a program, writes."""

    questions = forms.CharField(
        label=_("Questions"),
        max_length=60_000,
        widget=forms.Textarea(attrs={"rows": 16, "class": "mono", "spellcheck": "false"}),
        help_text=_("A list of questions, each with key, type (text, yes_no, scale, choice), label and options."),
    )

    def clean_questions(self) -> Any:
        try:
            return json.loads(self.cleaned_data["questions"])
        except (ValueError, RecursionError):
            raise forms.ValidationError(_now("This is not JSON.")) from None


class QuestionnaireForm(QuestionsForm):
    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=_("Organisation"))
    name = forms.CharField(label=_("Name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = forms.CharField(
        label=_("Chinese name"), max_length=120, required=False, validators=[PlainTextValidator()]
    )
    field_order = ["organisation", "name", "name_zh", "questions"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organisation"]
        field.queryset = visible_to(user, "review.manage", Organisation.objects.all())


class ReviewForm(PageForm):
    """One's own review: the questions of its questionnaire, then score, recommendation and comment."""

    def __init__(self, *args: Any, review: Review, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.review = review
        for question in review.questions:
            field = self._field(question)
            field.initial = review.answers.get(question["key"])
            self.fields[f"q_{question['key']}"] = field
        self.fields["score"] = forms.DecimalField(
            label=_("Score"), min_value=0, max_value=10, max_digits=4, decimal_places=1, required=False,
            help_text=_("From 0 to 10."), initial=review.score,
        )  # fmt: skip
        self.fields["recommendation"] = forms.ChoiceField(
            label=_("Recommendation"), choices=[("", "—"), *Recommendation.choices], required=False,
            initial=review.recommendation,
        )  # fmt: skip
        self.fields["comment"] = forms.CharField(
            label=_("Comment"), max_length=8000, required=False, validators=[PlainTextValidator()],
            widget=forms.Textarea(attrs={"rows": 5}), initial=review.comment,
        )  # fmt: skip
        self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=review.version)

    @staticmethod
    def _field(question: dict[str, Any]) -> forms.Field:
        label = label_of(question)
        if question["type"] == "text":
            return forms.CharField(
                label=label, required=False, widget=forms.Textarea(attrs={"rows": 3}), max_length=4000
            )
        choices = {
            "yes_no": [("true", _("Yes")), ("false", _("No"))],
            "scale": [(str(n), str(n)) for n in range(1, 6)],
            "choice": [(option, option) for option in question["options"]],
        }[question["type"]]
        return forms.ChoiceField(label=label, required=False, choices=[("", "—"), *choices])

    def values(self) -> dict[str, Any]:
        """What the verb takes."""
        data = self.cleaned_data
        answers: dict[str, Any] = {}
        for question in self.review.questions:
            value = data.get(f"q_{question['key']}")
            if value in (None, ""):
                continue
            kind = question["type"]
            answers[question["key"]] = {"yes_no": value == "true", "scale": int(value) if kind == "scale" else 0}.get(
                kind, value
            )
        named = {name: data[name] for name in ("score", "recommendation", "comment", "version")}
        return {"answers": answers, **named}

    def place_of(self, fault: Any, field: str | None) -> str | None:
        key = fault.path.removeprefix("answers.")
        return f"q_{key}" if f"q_{key}" in self.fields else super().place_of(fault, field)


class ConflictForm(PageForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=ConflictOfInterest.Kind.choices)
    text = forms.CharField(
        label=_("What it is"), max_length=2000, validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip


class DecideForm(PageForm):
    """A decision with its reason."""

    move = forms.CharField(max_length=20)
    reason = forms.CharField(max_length=2000, required=False, validators=[PlainTextValidator()])
