"""What stands in the way of a licence and a person has to weigh: options of sponsors, rights of partners, background.

Unlike a conflict it does not forbid the licence. Whoever submits it for approval says that they have seen it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.accounts.models import Organisation, OrganisationKind
from collab.agreements.background import BackgroundItem
from collab.agreements.ip import OPTIONS, AccessRight, IPTerms, PartnerRight, ResultsOwner
from collab.agreements.models import AgreementVersion
from collab.transfer.disclosures.models import Funding
from collab.transfer.licences.conflicts import Reach
from collab.transfer.licences.licensable import Finding
from collab.transfer.licences.models import Licence
from collab.transfer.licences.places import FieldOfUse, Territory
from collab.transfer.licences.states import UNDER_WAY


@dataclass(frozen=True)
class Obstacle:
    """`key` stays the same while the matter does; `kind` is option, right, background, data or draft."""

    key: str
    kind: str
    sentence: str
    url: str = ""


def obstacles_of(licence: Licence, reach: Reach, findings: list[Finding]) -> list[Obstacle]:
    """Everything that somebody should weigh before the licence is approved."""
    found = [*_partners(licence, reach), *_sponsors(licence), *_background(licence), *_others(licence, reach)]
    found += [
        Obstacle(f"data:{one.missing.code}", "data", str(one.missing.sentence), one.missing.url)
        for one in findings
        if not one.forbids
    ]
    return found


def _partners(licence: Licence, reach: Reach) -> Iterator[Obstacle]:
    """Rights that the agreements of the project give to others."""
    versions = AgreementVersion.objects.in_force(timezone.now()).filter(agreement__project=licence.agreement.project_id)
    rows = IPTerms.objects.filter(version__in=versions.values("pk")).exclude(version__agreement=licence.agreement_id)
    mine = {row.pk for row in licence.licensors()}
    for ip in rows.select_related("version__agreement").prefetch_related("version__parties__organisation"):
        others = [row.organisation for row in ip.version.parties.all() if row.organisation_id not in mine]
        for holder in others:
            if holder.pk == licence.licensee_id or not _benefits(ip, holder):
                continue
            if sentence := _right(ip, holder, reach):
                kind = "option" if ip.partner_right in OPTIONS else "right"
                url = ip.version.agreement.get_absolute_url()
                yield Obstacle(f"{kind}:{ip.version_id}:{holder.pk}", kind, sentence, url)


def _benefits(ip: IPTerms, holder: Organisation) -> bool:
    """Whether it is the party that does not own the results."""
    if ip.results_owner == ResultsOwner.UNIVERSITY:
        return holder.kind != OrganisationKind.UNIVERSITY
    if ip.results_owner == ResultsOwner.COMPANY:
        return holder.kind != OrganisationKind.COMPANY
    return True


def _right(ip: IPTerms, holder: Organisation, reach: Reach) -> str:
    facts = {
        "ref": ip.version.agreement.reference,
        "who": holder,
        "right": ip.get_partner_right_display(),
        "field": ip.field_of_use or _("any field"),
        "days": ip.option_days,
        "more": ip.negotiation_days,
    }
    if ip.partner_right in OPTIONS:
        return (
            _("%(who)s has %(right)s under %(ref)s (%(field)s; %(days)s days, and %(more)s days to negotiate).") % facts
        )
    if ip.partner_right == PartnerRight.NON_EXCLUSIVE and reach.shuts:
        return _("%(who)s has %(right)s under %(ref)s (%(field)s).") % facts
    if ip.results_access == AccessRight.EXPLOITATION and reach.shuts:
        return _("%(who)s may use the results of the project to use its own, under %(ref)s.") % facts
    return ""


def _sponsors(licence: Licence) -> Iterator[Obstacle]:
    """Rights of those who paid for what was disclosed."""
    if licence.case is None:
        return
    rows = Funding.objects.filter(disclosure__case=licence.case).exclude(right=PartnerRight.NONE)
    for row in rows.exclude(sponsor=licence.licensee_id).select_related("sponsor"):
        facts = {"who": row.sponsor_label, "right": row.get_right_display(), "award": row.award or row.note or "–"}
        text = _("%(who)s paid for it and has %(right)s (%(award)s).") % facts
        yield Obstacle(f"sponsor:{row.pk}", "option", text, licence.case.get_absolute_url())


def _background(licence: Licence) -> Iterator[Obstacle]:
    """What others brought along and may be needed to use the asset."""
    mine = {row.pk for row in licence.licensors()} | {licence.licensee_id}
    rows = BackgroundItem.objects.declared().filter(project=licence.agreement.project_id).exclude(owner__in=mine)
    url = reverse("collab:background", args=[licence.agreement.project.slug])
    for item in rows.select_related("owner")[:50]:
        text = _("Background of %(who)s: “%(what)s”. When it is needed to use results: %(how)s.")
        how = item.get_exploitation_display() or _("nothing was agreed")
        yield Obstacle(
            f"background:{item.pk}", "background", text % {"who": item.owner, "what": item.title, "how": how}, url
        )


def _others(licence: Licence, reach: Reach) -> Iterator[Obstacle]:
    """Licences of the same asset that are being negotiated with others, of which only one will be possible."""
    fields = FieldOfUse.objects.overlapping(FieldOfUse.objects.filter(code__in=reach.fields)).values("pk")
    places = Territory.objects.overlapping(Territory.objects.filter(code__in=reach.territories)).values("pk")
    rows = (
        Licence.objects.with_state()
        .filter(assets__thing__name__in=reach.things, fields_of_use__in=fields, territories__in=places)
        .filter(now__in=[state.value for state in UNDER_WAY])
        .exclude(pk=licence.pk)
        .exclude(licensee=licence.licensee_id)
        .select_related("agreement", "licensee")
        .distinct()
    )
    for row in rows[:20]:
        if reach.shuts or row.is_shutting:
            text = _("%(ref)s, for %(who)s, is under way for the same asset, field and territory.")
            said = text % {"ref": row.agreement.reference, "who": row.licensee}
            yield Obstacle(f"draft:{row.pk}", "draft", said, row.get_absolute_url())
