"""Forms about requests, dates, absences and notifications."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.access.roles import Role
from collab.accounts.models import Membership, Organisation, User
from collab.inbox.kinds import KINDS
from collab.inbox.models import NotificationSettings, Obligation, Request
from collab.inbox.states import DECISION_WORDS, MAIL_WORDS, OBLIGATION_WORDS, OPINION_WORDS, Decision, Mail
from collab.inbox.topics import TOPICS
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.web.forms import DayInput, ListFilter, OnceForm, PageForm

PROJECT: Any = Request._meta.get_field("project").related_model  # the projects' slice lies above this one


def _text(label: Any, *, rows: int = 3, required: bool = False, help_text: Any = "", length: int = 5000) -> Any:
    return forms.CharField(
        label=label,
        required=required,
        max_length=length,
        help_text=help_text,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": rows}),
    )


class DecideForm(OnceForm):
    """Decide a request, with the decisions of its topic."""

    decision = forms.ChoiceField(label=_("Decision"), widget=forms.RadioSelect)
    reason = _text(_("Reason"), help_text=_("Needed to reject or return; whoever asked reads it."))
    conditions = _text(_("Conditions"), help_text=_("One a line; each is met later, with its evidence."))

    def __init__(self, *args: Any, row: Request, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [Decision(decision) for decision in row.spec.decisions]
        decision: Any = self.fields["decision"]
        decision.choices = [(one.value, DECISION_WORDS[one]) for one in offered]
        if Decision.APPROVED_WITH_CONDITIONS not in offered:
            del self.fields["conditions"]

    def values(self) -> dict[str, Any]:
        values = super().values()
        if "conditions" in values:
            values["conditions"] = values["conditions"].splitlines()
        return values


class CommentForm(OnceForm):
    ids = "comment-%s"

    text = _text(_("Comment"), rows=2, required=True)


class AdviseForm(OnceForm):
    ids = "advice-%s"

    opinion = forms.ChoiceField(label=_("I am"), choices=[(o.value, w) for o, w in OPINION_WORDS.items()])
    text = _text(_("Why"))


class EvidenceForm(OnceForm):
    evidence = _text(_("By what it is met"), rows=2, required=True)


class ReviewerForm(OnceForm):
    ids = "reviewer-%s"

    person = forms.ModelChoiceField(None, label=_("Ask for the advice of"))

    def __init__(self, *args: Any, row: Request, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        near = Q(organisation=row.organisation_id) if row.organisation_id else Q()
        near = near | Q(project=row.project_id) if row.project_id else near
        person: Any = self.fields["person"]
        person.queryset = _people(Membership.objects.active().filter(near), row)


class HandOverForm(OnceForm):
    ids = "handing-%s"

    person = forms.ModelChoiceField(None, label=_("Let this person answer"))
    reason = forms.CharField(
        label=_("Note for them"), required=False, max_length=500, validators=[DisplayNameValidator()]
    )

    def __init__(self, *args: Any, row: Request, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = Membership.objects.active()
        if row.organisation_id:
            held = held.filter(organisation=row.organisation_id, project=None)
        elif row.project_id:
            held = held.filter(project=row.project_id)
        person: Any = self.fields["person"]
        person.queryset = _people(held, row)


def _people(held: QuerySet[Membership], row: Request) -> QuerySet[User]:
    """Of them those in the project, or who act for the whole organisation: not everybody that it employs."""
    if row.project_id:
        here = Membership.objects.active().filter(project=row.project_id).values("user")
        held = held.filter(Q(user__in=here) | Q(project=None, role__in=[Role.ORGANISATION_ADMIN, Role.SIGNATORY]))
    people = User.objects.filter(is_active=True, pk__in=held.values("user"))
    return people.exclude(pk=row.asked_by_id).order_by("name", "email")


class QuestionForm(OnceForm):
    """Ask the leads of a project, or the admins of one of its parties, for a decision."""

    project = forms.ModelChoiceField(None, label=_("Project"), to_field_name="slug")
    organisation = forms.ModelChoiceField(
        None,
        label=_("Who answers"),
        required=False,
        empty_label=_("The leads of the project"),
        help_text=_("Or the admins of one of its parties."),
    )
    title = forms.CharField(label=_("What is to be decided?"), max_length=200, validators=[DisplayNameValidator()])
    text = _text(_("What one must know to decide"), rows=5)
    due_on = forms.DateField(label=_("Answer needed by"), required=False, widget=DayInput())

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        project: Any = self.fields["project"]
        project.queryset = visible_to(user, "request.ask", PROJECT._default_manager.all())
        organisation: Any = self.fields["organisation"]
        organisation.queryset = Organisation.objects.filter(
            project_parties__project__in=project.queryset, project_parties__left_on=None
        ).distinct()

    def values(self) -> dict[str, Any]:
        values = super().values()
        values["due_at"] = end_of(values.pop("due_on"))
        return values


def end_of(day: Any) -> datetime | None:
    """The end of a day, as people mean a deadline."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time())) if day else None


class RequestFilter(ListFilter):
    """Topic of the requests of a box."""

    topic = django_filters.ChoiceFilter(label=_("Topic"), empty_label=_("All topics"), choices=lambda: _topics())


def _topics() -> list[tuple[str, Any]]:
    return sorted(((topic.code, topic.label) for topic in TOPICS.values()), key=lambda pair: str(pair[1]))


# --- the calendar
class ObligationFilter(ListFilter):
    """Kind, project, and only what is mine."""

    kind = django_filters.ChoiceFilter(
        label=_("Kind"), empty_label=_("All kinds"), choices=[(k.value, w) for k, w in OBLIGATION_WORDS.items()]
    )
    project = django_filters.ModelChoiceFilter(
        label=_("Project"), empty_label=_("All projects"), to_field_name="slug", queryset=lambda request: _seen(request)
    )
    mine = django_filters.ChoiceFilter(
        label=_("Whose"), empty_label=_("Everybody's"), choices=[("1", _("Only mine"))], method="only_mine"
    )

    def only_mine(self, rows: QuerySet[Obligation], name: str, value: str) -> QuerySet[Obligation]:
        user: Any = self.request.user
        return rows.filter(person=user)


def _seen(request: Any) -> Any:
    return visible_to(request.user, "project.view", PROJECT._default_manager.all())


class DateForm(OnceForm):
    """A date of one's own, or one of a project."""

    title = forms.CharField(label=_("What"), max_length=240, validators=[DisplayNameValidator()])
    due_on = forms.DateField(label=_("When"), widget=DayInput())
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[(k.value, w) for k, w in OBLIGATION_WORDS.items()], initial="other"
    )
    project = forms.ModelChoiceField(
        None,
        label=_("For"),
        required=False,
        to_field_name="slug",
        empty_label=_("only me"),
        help_text=_("A date of a project is seen by all of its people."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        project: Any = self.fields["project"]
        project.queryset = visible_to(user, "obligation.manage", PROJECT._default_manager.all())


class DateEditForm(OnceForm):
    """A date that was added by hand: what, and when."""

    title = DateForm.base_fields["title"]
    due_on = DateForm.base_fields["due_on"]
    edit = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, row: Obligation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial |= {"title": row.title, "due_on": row.due_on, "edit": row.version}

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in super().values().items() if name != "edit"}


# --- absences and notifications
class AbsenceForm(OnceForm):
    """Be away, and name who answers in the meantime."""

    starts_on = forms.DateField(label=_("First day"), widget=DayInput(), initial=timezone.localdate)
    ends_on = forms.DateField(label=_("Last day"), widget=DayInput())
    delegate = forms.EmailField(
        label=_("Who answers requests instead"),
        required=False,
        help_text=_(
            "The e-mail address of a colleague; empty means nobody. What must be signed waits for you all the same."
        ),
    )
    organisation = forms.ModelChoiceField(None, label=_("For"), required=False, empty_label=_("all my organisations"))
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=200,
        validators=[DisplayNameValidator()],
        help_text=_("Your stand-in reads it."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = Membership.objects.active().filter(user=user, project=None).values("organisation")
        organisation: Any = self.fields["organisation"]
        organisation.queryset = Organisation.objects.filter(pk__in=mine)
        self.colleagues = Membership.objects.active().filter(organisation__in=mine, project=None)

    def clean_delegate(self) -> User | None:
        address = self.cleaned_data["delegate"]
        if not address:
            return None
        found = User.objects.filter(is_active=True, email__iexact=address, pk__in=self.colleagues.values("user"))
        person = found.first()
        if person is None:
            raise forms.ValidationError(_now("Nobody of your organisations has this address."))
        return person

    def place_of(self, fault: Any, field: str | None) -> str | None:
        return super().place_of(fault, {"ends_at": "ends_on", "starts_at": "starts_on"}.get(field or "", field))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("starts_on"), values.get("ends_on")
        if first and last and last < first:
            self.add_error("ends_on", _now("The absence would end before it begins."))
        return values

    def values(self) -> dict[str, Any]:
        values = super().values()
        first = timezone.make_aware(datetime.combine(values.pop("starts_on"), time()))
        values["starts_at"] = max(first, timezone.now())
        values["ends_at"] = end_of(values.pop("ends_on"))
        return values


class MailForm(PageForm):
    """How each kind of notification comes by e-mail."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, row: NotificationSettings, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].initial = row.version
        for code, kind in KINDS.items():
            self.fields[code] = forms.ChoiceField(
                label=kind.label,
                choices=[(how.value, MAIL_WORDS[how]) for how in Mail],
                initial=row.mail_of(code),
                widget=forms.Select(attrs={"class": "form-select form-select-sm"}),
            )

    def values(self) -> dict[str, Any]:
        values = dict(self.cleaned_data)
        return {"version": values.pop("version"), "choices": values}
