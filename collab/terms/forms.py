"""Forms about one's own terms."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import Organisation
from collab.agreements.models import AgreementVersion
from collab.web.forms import OnceForm


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
