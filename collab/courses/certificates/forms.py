"""Forms of certificates."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.accounts.models import Organisation, User
from collab.courses.certificates.models import Certificate, CertificateKind
from collab.courses.certificates.services import BATCH_MAX, Achievement, Proposal
from collab.courses.certificates.states import CertificateState
from collab.courses.forms import HouseField, line, prose
from collab.kernel.names import PlainTextValidator
from collab.web.badges import badge_of
from collab.web.forms import DayInput, ListFilter, OnceForm, SearchInput


class CertificateFilter(ListFilter):
    """Above the list of certificates."""

    q = django_filters.CharFilter(
        method="search", label=_("Search"), widget=SearchInput(_("Name, certificate, organisation"))
    )
    kind = django_filters.ChoiceFilter(
        choices=CertificateKind.choices, label=_("Kind"), empty_label=_("every kind of certificate")
    )
    state = django_filters.ChoiceFilter(
        choices=[(state.value, badge_of(state).word) for state in CertificateState],
        label=_("State"), empty_label=_("every state"),
    )  # fmt: skip

    class Meta:
        model = Certificate
        fields: list[str] = []

    def search(self, rows: Any, name: str, value: str) -> Any:
        return rows.matching(value)


class BatchForm(OnceForm):
    """The same certificate for several people, issued when somebody else approves."""

    organisation = HouseField(_("Organisation"))
    title = line(_("Certificate"))
    title_zh = line(_("Certificate, in Chinese"), required=False)
    kind = forms.ChoiceField(label=_("Kind"), choices=CertificateKind.choices, initial=CertificateKind.OTHER)
    description = prose(_("What was done"), rows=3)
    description_zh = prose(_("What was done, in Chinese"), rows=3, required=False)
    criteria = prose(_("What it is given for"), rows=3)
    criteria_zh = prose(_("What it is given for, in Chinese"), rows=3, required=False)
    valid_until = forms.DateField(
        label=_("Valid until"), widget=DayInput, required=False, help_text=_("Empty: it never expires.")
    )
    people = prose(_("Recipients"), 60_000, 6, help_text=_("E-mail addresses of people who are here, one a line."))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        house: Any = self.fields["organisation"]
        house.offer(visible_to(user, "certificate.propose", Organisation.objects.all()))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if "people" in given and "organisation" in given:
            given["people"] = people_named(given["people"].split(), given["organisation"])
        return given

    def clean_valid_until(self) -> Any:
        day = self.cleaned_data["valid_until"]
        if day is not None and day <= timezone.localdate():
            raise ValidationError(_now("It would have expired before it is issued."))
        return timezone.make_aware(datetime.combine(day, time.min)) if day else None

    def values(self) -> dict[str, Any]:
        given = super().values()
        names = ("title", "title_zh", "description", "description_zh", "criteria", "criteria_zh", "kind")
        what = Achievement(**{name: given[name] for name in names})
        return {
            "organisation": given["organisation"],
            "title": given["title"],
            "title_zh": given["title_zh"],
            "proposals": [Proposal(person, what, valid_until=given["valid_until"]) for person in given["people"]],
        }


def people_named(emails: list[str], organisation: Organisation) -> list[User]:
    """The people behind the addresses. Raises ValidationError naming those whom nobody of the organisation is."""
    wanted = list(dict.fromkeys(email.strip(",;").lower() for email in emails if email.strip(",;")))
    if len(wanted) > BATCH_MAX:
        raise ValidationError({"people": _now("At most %(n)d certificates at a time.") % {"n": BATCH_MAX}})
    rows = User.objects.filter(email__in=wanted, is_active=True, memberships__organisation=organisation).distinct()
    found = {user.email.lower(): user for user in rows}
    unknown = [email for email in wanted if email not in found]
    if unknown:
        text = _now("Nobody at %(name)s has this address: %(emails)s")
        told = {"name": organisation, "emails": ", ".join(unknown[:10])}
        raise ValidationError({"people": text % told})
    return [found[email] for email in wanted]


class ChangeForm(OnceForm):
    """Suspend, reinstate or revoke."""

    move = forms.ChoiceField(label=_("What happens"), widget=forms.RadioSelect)
    reason = forms.CharField(
        label=_("Reason"), max_length=1000, validators=[PlainTextValidator()], widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("It stays on record; the recipient reads it, the check page does not tell it."),
    )  # fmt: skip

    def __init__(self, *args: Any, moves: list[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        move: Any = self.fields["move"]
        move.choices = moves
