"""Forms about data-use codes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import Organisation, User
from collab.kernel.names import PlainTextValidator
from collab.projects.models import ProjectParty
from collab.terms.matrix import people_of
from collab.web.forms import DayInput, OnceForm
from registry.datasets.models import Dataset
from registry.uses.models import UseTerms
from registry.uses.services import CodeTerm
from registry.uses.vocabulary import CODES, Use


class UsesForm(OnceForm):
    """Which codes count from now on, with their parameters."""

    codes = forms.MultipleChoiceField(
        label=_("Codes"),
        required=False,
        choices=[(code.use.value, code.label) for code in CODES.values()],
        widget=forms.CheckboxSelectMultiple,
    )
    until = forms.DateField(
        label=_("Time limit: until"),
        required=False,
        widget=DayInput(),
        help_text=_("The day is the first without use, in the zone of this site."),
    )
    territories = forms.CharField(
        label=_("Territories"),
        max_length=300,
        required=False,
        help_text=_("Countries in two letters, for example SE, CN."),
    )
    organisations = forms.ModelMultipleChoiceField(
        Organisation.objects.none(), label=_("Named organisations"), required=False
    )
    people = forms.ModelMultipleChoiceField(User.objects.none(), label=_("Named people"), required=False)
    work = forms.CharField(
        label=_("The piece of work"), max_length=2000, required=False, validators=[PlainTextValidator()]
    )
    topic = forms.CharField(label=_("The topic"), max_length=2000, required=False, validators=[PlainTextValidator()])
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, dataset: Dataset, terms: UseTerms | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parties = ProjectParty.objects.filter(project=dataset.project_id, left_on=None)
        organisations: Any = self.fields["organisations"]
        organisations.queryset = Organisation.objects.filter(pk__in=parties.values("organisation"))
        people: Any = self.fields["people"]
        people.queryset = people_of(dataset.project)
        self.initial |= _like(terms)

    def terms(self) -> dict[str, Any]:
        """What the verb takes."""
        given = self.cleaned_data
        takes = {
            Use.TIME_LIMIT: {"until": given["until"]},
            Use.GEOGRAPHY: {"territories": _countries(given["territories"])},
            Use.INSTITUTION_SPECIFIC: {"organisations": list(given["organisations"])},
            Use.USER_SPECIFIC: {"people": list(given["people"])},
            Use.PROJECT_SPECIFIC: {"text": given["work"]},
            Use.TOPIC_SPECIFIC: {"text": given["topic"]},
        }
        return {
            "codes": [CodeTerm(code, **takes.get(Use(code), {})) for code in given["codes"]],
            "version": given["version"],
        }


def _countries(text: str) -> list[str]:
    return list(dict.fromkeys(part.upper() for part in text.replace(",", " ").replace("，", " ").split()))


def _like(terms: UseTerms | None) -> dict[str, Any]:
    """The form as the set that counts."""
    rows = {row.code: row for row in terms.codes.with_names()} if terms else {}
    found: dict[str, Any] = {"version": terms.number if terms else 0, "codes": list(rows)}
    for code, name, read in (
        (Use.TIME_LIMIT, "until", lambda row: row.until),
        (Use.GEOGRAPHY, "territories", lambda row: ", ".join(row.territories)),
        (Use.INSTITUTION_SPECIFIC, "organisations", lambda row: list(row.organisations.all())),
        (Use.USER_SPECIFIC, "people", lambda row: list(row.people.all())),
        (Use.PROJECT_SPECIFIC, "work", lambda row: row.text),
        (Use.TOPIC_SPECIFIC, "topic", lambda row: row.text),
    ):
        if code in rows:
            found[name] = read(rows[code])
    return found
