"""Forms of courses, of trainings done elsewhere, and of courses as conditions."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.assets import assets_of
from collab.courses.certificates.models import in_language
from collab.courses.models import (
    MONTHS_MAX,
    Audience,
    ConditionScope,
    Course,
    CourseModule,
    CourseVersion,
    Enrolment,
    ModuleKind,
    QuizAttempt,
    QuizQuestion,
    TrainingRecord,
)
from collab.courses.states import CourseState, EnrolmentState, TrainingState
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.projects.models import Project
from collab.web.badges import badge_of
from collab.web.forms import DayInput, ListFilter, OnceForm, PageForm, SearchInput

ANSWERS = 6  # lines for answers in the form; the API takes more


def line(label: Any, most: int = 160, **more: Any) -> forms.CharField:
    """One line that must hold something, or may be left empty."""
    check = DisplayNameValidator() if more.get("required", True) else PlainTextValidator()
    return forms.CharField(label=label, max_length=most, validators=[check], **more)


def prose(label: Any, most: int = 2000, rows: int = 4, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=most,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": rows}),
        **more,
    )


class HouseField(forms.ModelChoiceField):
    """The organisations for which a person may do something; hidden while there is only one."""

    def __init__(self, label: Any) -> None:
        super().__init__(Organisation.objects.none(), label=label, empty_label=None)

    def offer(self, rows: QuerySet[Organisation]) -> None:
        found = list(rows.order_by("name")[:50])
        self.queryset = Organisation.objects.filter(pk__in=[row.pk for row in found]).order_by("name")
        if len(found) == 1:
            self.widget, self.initial = forms.HiddenInput(), found[0]


class CourseFilter(ListFilter):
    q = django_filters.CharFilter(method="search", label=_("Search"), widget=SearchInput(_("Title or topic")))

    class Meta:
        model = Course
        fields: list[str] = []

    def search(self, rows: Any, name: str, value: str) -> Any:
        return rows.matching(value)


class TakersFilter(ListFilter):
    """Above the list of those who take a course."""

    version = django_filters.ChoiceFilter(
        field_name="edition__number", label=_("Version"), empty_label=_("every version")
    )
    state = django_filters.ChoiceFilter(
        choices=[(state.value, badge_of(state).word) for state in EnrolmentState],
        label=_("State"), empty_label=_("every state"),
    )  # fmt: skip

    class Meta:
        model = Enrolment
        fields: list[str] = []

    def __init__(self, *args: Any, numbers: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["version"].extra["choices"] = [(n, n) for n in numbers]


class TrainingFilter(ListFilter):
    """Above the list of trainings that people handed in."""

    q = django_filters.CharFilter(method="search", label=_("Search"), widget=SearchInput(_("Person, training, course")))
    state = django_filters.ChoiceFilter(
        choices=[(state.value, badge_of(state).word) for state in TrainingState],
        label=_("State"), empty_label=_("every state"),
    )  # fmt: skip

    class Meta:
        model = TrainingRecord
        fields: list[str] = []

    def search(self, rows: Any, name: str, value: str) -> Any:
        return rows.matching(value)


class RevokeForm(OnceForm):
    reason = prose(_("Reason"), 1000, 3, help_text=_("The person whose training it is reads it."))


class CourseForm(OnceForm):
    organisation = HouseField(_("Organisation"))
    title = line(_("Title"))
    title_zh = line(_("Chinese title"), required=False)
    summary = prose(_("What one learns"))
    summary_zh = prose(_("What one learns, in Chinese"), required=False)
    audience = forms.ChoiceField(label=_("Open to"), choices=Audience.choices, widget=forms.RadioSelect)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, user: User, course: Course | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        house: Any = self.fields["organisation"]
        if course is not None:
            del self.fields["organisation"]
        else:
            del self.fields["version"]
            house.offer(visible_to(user, "course.edit", Organisation.objects.all()))


class TermsForm(PageForm):
    pass_mark = forms.IntegerField(label=_("Pass mark in percent"), min_value=1, max_value=100)
    asked_max = forms.IntegerField(
        label=_("Questions in an attempt"), min_value=1, max_value=200, required=False,
        help_text=_("Drawn from the bank by chance. Empty: all of them."),
    )  # fmt: skip
    attempts_max = forms.IntegerField(
        label=_("Attempts"), min_value=1, max_value=100, required=False, help_text=_("Empty: as many as one likes.")
    )
    minutes = forms.IntegerField(
        label=_("Minutes for an attempt"), min_value=1, max_value=600, required=False, help_text=_("Empty: no limit.")
    )
    valid_months = forms.IntegerField(
        label=_("Months for which it is valid"), min_value=1, max_value=MONTHS_MAX, required=False,
        help_text=_("Empty: it never expires."),
    )  # fmt: skip
    note = line(_("What is new in this version"), 500, required=False)
    note_zh = line(_("What is new in this version, in Chinese"), 500, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)


class ModuleForm(OnceForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=ModuleKind.choices)
    title = line(_("Title"))
    title_zh = line(_("Chinese title"), required=False)
    position = forms.IntegerField(label=_("Position"), min_value=1, max_value=500, required=False)
    body = prose(_("Text"), 20_000, 10, required=False, help_text=_("Empty lines part the paragraphs."))
    body_zh = prose(_("Chinese text"), 20_000, 6, required=False)
    link = forms.URLField(
        label=_("Link of the video"), max_length=500, required=False, assume_scheme="https",
        help_text=_("It opens in a window of its own."),
    )  # fmt: skip
    file = forms.FileField(
        label=_("Image or file"), required=False, max_length=4096, allow_empty_file=True,
        help_text=_("An image as PNG or JPEG; a file as PDF, PNG, JPEG or ZIP."),
    )  # fmt: skip

    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, module: CourseModule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if module is None:
            del self.fields["version"]
            return
        for name in ("kind", "title", "title_zh", "position", "body", "body_zh", "link", "version"):
            self.fields[name].initial = getattr(module, name)
        if module.file_name:
            text = _("“%(name)s” (%(size)s) is there, and stays unless you choose another one.")
            said = {"name": module.file_name, "size": filesizeformat(module.size_bytes)}
            self.fields["file"].help_text = text % said


class QuestionForm(OnceForm):
    text = prose(_("Question"), rows=3)
    text_zh = prose(_("Question in Chinese"), rows=3, required=False)
    why = prose(_("Explanation, shown after a passed quiz"), rows=2, required=False)
    why_zh = prose(_("Explanation in Chinese"), rows=2, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, question: QuizQuestion | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = question.options if question is not None else []
        for n in range(max(ANSWERS, len(known))):
            told = known[n] if n < len(known) else {}
            number = {"n": n + 1}
            self.fields[f"answer_{n}"] = line(
                _("Answer %(n)d") % number, 500, required=False, initial=told.get("text", "")
            )
            self.fields[f"answer_zh_{n}"] = line(
                _("Answer %(n)d in Chinese") % number, 500, required=False, initial=told.get("text_zh", "")
            )
            self.fields[f"right_{n}"] = forms.BooleanField(
                label=_("Answer %(n)d is right") % number, required=False, initial=told.get("right", False)
            )
        if question is None:
            del self.fields["version"]
            return
        for name in ("text", "text_zh", "why", "why_zh", "version"):
            self.fields[name].initial = getattr(question, name)

    def place_of(self, fault: Any, field: str | None) -> str | None:
        return "answer_0" if field == "options" else super().place_of(fault, field)

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        lines = [int(name[7:]) for name in self.fields if name.startswith("answer_") and name[7:].isdigit()]
        options = [
            {"text": given[f"answer_{n}"], "text_zh": given[f"answer_zh_{n}"], "right": given[f"right_{n}"]}
            for n in lines
            if given[f"answer_{n}"].strip()
        ]
        names = ("text", "text_zh", "why", "why_zh", "version")
        return {name: given[name] for name in names if name in given} | {"options": options}


class QuizForm(PageForm):
    """The questions of one attempt, with their answers in the order drawn for it."""

    def __init__(self, *args: Any, attempt: QuizAttempt, questions: dict[str, QuizQuestion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keys = [one["id"] for one in attempt.asked if one["id"] in questions]
        orders = {one["id"]: one["order"] for one in attempt.asked}
        for number, key in enumerate(self.keys, start=1):
            question = questions[key]
            choices = [(str(n), in_tongue(question.options[n])) for n in orders[key]]
            several = len(question.right) > 1
            label = f"{number}. {question}"
            self.fields[key] = (
                forms.MultipleChoiceField(
                    label=label, choices=choices, required=False, widget=forms.CheckboxSelectMultiple,
                    help_text=_("Several answers are right; choose all of them."),
                )
                if several
                else forms.ChoiceField(label=label, choices=choices, required=False, widget=forms.RadioSelect)
            )  # fmt: skip

    def values(self) -> dict[str, list[int]]:
        given = {key: self.cleaned_data[key] for key in self.keys}
        return {
            key: [int(n) for n in (chosen if isinstance(chosen, list) else [chosen] if chosen else [])]
            for key, chosen in given.items()
        }


class TrainingForm(OnceForm):
    organisation = HouseField(_("Reviewed by people of"))
    title = line(_("Name of the training"))
    provider = line(_("Offered by"))
    completed_on = forms.DateField(label=_("Completed on"), widget=DayInput)
    expires_on = forms.DateField(
        label=_("Expires on"), widget=DayInput, required=False,
        help_text=_("The first day on which it no longer counts. Empty: never."),
    )  # fmt: skip
    course = forms.ModelChoiceField(
        Course.objects.none(), label=_("Counts for the course"), required=False, empty_label=_("none of these")
    )
    file = forms.FileField(
        label=_("Document"), required=False, max_length=4096, allow_empty_file=True,
        help_text=_("As PDF, PNG or JPEG. Only you and the reviewers see it."),
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, again: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        house: Any = self.fields["organisation"]
        mine = Membership.objects.of(user).active()
        house.offer(Organisation.objects.filter(pk__in=mine.values("organisation")))
        if again:
            del self.fields["organisation"]
        course: Any = self.fields["course"]
        course.queryset = (
            Course.objects.visible_to(user)
            .filter(pk__in=CourseVersion.objects.filter(state=CourseState.PUBLISHED).values("course"))
            .order_by("title")
        )


class ConditionForm(PageForm):
    course = forms.ModelChoiceField(Course.objects.none(), label=_("Course"))
    needed_for = forms.ChoiceField(label=_("Needed for"), choices=ConditionScope.choices)
    asset = forms.TypedChoiceField(label=_("Dataset"), required=False, coerce=str, empty_value=None)

    def __init__(self, *args: Any, project: Project, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        course: Any = self.fields["course"]
        course.queryset = Course.objects.visible_to(user).filter(
            pk__in=CourseVersion.objects.filter(state=CourseState.PUBLISHED).values("course")
        )
        asset: Any = self.fields["asset"]
        found = assets_of(user, project.pk)
        asset.choices = [("", _("every dataset of the project")), *((str(one.pk), one.name) for one in found)]


def in_tongue(option: dict[str, Any]) -> str:
    return in_language(option["text"], option.get("text_zh", ""))
