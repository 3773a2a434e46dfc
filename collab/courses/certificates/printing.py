"""A certificate on paper, in both languages, with the code by which anybody checks it."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override, pgettext_lazy

from collab.courses.certificates.models import Certificate
from collab.courses.certificates.states import CertificateState
from collab.kernel.paper import LANGUAGES, Paper, both, each

# What a paper says across its pages and above all else, once the certificate was taken back.
TAKEN_BACK = {
    CertificateState.SUSPENDED: (
        pgettext_lazy("state", "Suspended"),
        _("This certificate is suspended: it does not count until the organisation reinstates it."),
    ),
    CertificateState.REVOKED: (
        pgettext_lazy("state", "Revoked"),
        _("This certificate was revoked: the organisation has taken it back for good."),
    ),
}


def print_certificate(certificate: Certificate) -> bytes:
    """The PDF: the same bytes whenever it is printed. One that was taken back says so on every page."""
    paper = Paper(title=certificate.title, footer=f"{certificate.pk} · {certificate.public_url}")
    if certificate.state in TAKEN_BACK:
        word, sentence = TAKEN_BACK[CertificateState(certificate.state)]
        paper.stamp(both(word))
        paper.heading("\n".join(each(sentence)))
        paper.note(_day(certificate.changed_at))
    paper.note(f"{certificate.organisation.name}   {certificate.organisation.name_zh}".strip())
    paper.heading(both(_("Certificate")), level=1)
    paper.heading(certificate.recipient_name, level=1)
    for title, description in (
        (certificate.title, certificate.description),
        (certificate.title_zh, certificate.description_zh),
    ):
        if title:
            paper.heading(title)
        if description:
            paper.text(description)
    paper.heading(both(_("Given for")))
    for criteria in (certificate.criteria, certificate.criteria_zh):
        if criteria:
            paper.text(criteria)
    paper.facts(
        [
            (both(_("Kind")), both(certificate._meta.get_field("kind").flatchoices and _kind(certificate))),
            (both(_("Issued")), _day(certificate.issued_at)),
            (both(_("Valid until")), _day(certificate.valid_until) or both(_("It never expires."))),
            (both(_("Number")), str(certificate.pk)),
            *((both(_("Evidence")), _said(one)) for one in certificate.evidence),
        ]
    )
    paper.heading(both(_("Check this certificate")))
    paper.code(
        certificate.public_url,
        "\n".join(each(_("Scan or open this address: it says whether the certificate is valid today."))),
    )
    paper.note("\n".join(each(_("The paper alone proves nothing; the signed credential behind this address does."))))
    return paper.render()


def _kind(certificate: Certificate) -> object:
    return dict(certificate._meta.get_field("kind").flatchoices)[certificate.kind]  # type: ignore[union-attr]


def _day(at: datetime | None) -> str:
    if at is None:
        return ""
    said = []
    for language in LANGUAGES:
        with override(language):
            said.append(date_format(timezone.localtime(at), "DATE_FORMAT"))
    return " · ".join(said)


def _said(one: dict[str, str]) -> str:
    return "\n".join(one[name] for name in ("name", "narrative", "description", "id") if one.get(name))
