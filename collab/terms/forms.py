"""Forms about one's own terms."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import Organisation
from collab.agreements.models import AgreementVersion
from collab.projects.models import Project
from collab.web.forms import OnceForm


class RightsFilter(forms.Form):
    """Whose rights a table shows; what does not fit is passed over."""

    party = forms.ChoiceField(
        required=False, label=_("Party"), widget=forms.Select(attrs={"class": "form-select form-select-sm"})
    )
    ended = forms.ChoiceField(
        required=False,
        label=_("People"),
        choices=[("", _("Roles in force")), ("1", _("Also those whose role has ended"))],
        widget=forms.Select(attrs={"class": "form-select form-select-sm"}),
    )

    def __init__(self, data: Any, *, project: Project) -> None:
        super().__init__(data)
        parties: Any = self.fields["party"]
        parties.choices = [
            ("", _("Any party")),
            *((party.organisation.slug, str(party.organisation)) for party in project.parties.all()),
        ]

    def chosen(self) -> dict[str, Any]:
        self.full_clean()
        return {"party": self.cleaned_data.get("party", ""), "ended": self.cleaned_data.get("ended") == "1"}


class AcceptForm(OnceForm):
    """Accept exactly the document that is shown, for one of the parties one acts for."""

    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=_("On behalf of"), empty_label=None)
    document_sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput)
    read = forms.BooleanField(label=_("I have read this and will keep to it."))

    def __init__(self, *args: Any, parties: list[Organisation], version: AgreementVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organisation"]
        field.queryset = Organisation.objects.filter(pk__in=[party.pk for party in parties])
        self.initial |= {"organisation": parties[0].pk if parties else None, "document_sha256": version.document_sha256}
        if len(parties) == 1:
            field.widget = forms.HiddenInput()

    def values(self) -> dict[str, Any]:
        return {key: value for key, value in super().values().items() if key != "read"}
