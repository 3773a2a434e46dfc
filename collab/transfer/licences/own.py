"""What a case holds as something to license: its protections, and the technology itself where nothing else names it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import Missing, visible_to
from collab.kernel.errors import ConflictError, InvalidError
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.states import ENDED, PURSUED
from collab.transfer.licences.licensable import Finding, Licensable, Wish, licensables_named
from collab.transfer.licences.models import Licence, LicenceQuerySet
from collab.transfer.licences.states import BINDING
from collab.transfer.protection.models import Protection
from collab.transfer.protection.states import ProtectionStatus

if TYPE_CHECKING:
    from collab.access.policy import Person
    from collab.accounts.models import Organisation
    from collab.projects.models import Project

REGIONAL = frozenset({"WO", "EP", "EA", "AP", "OA", "GC", "EM"})  # offices for several countries


class CaseTechnology:
    """What was disclosed, owned by the organisation whose case it is."""

    def of_project(self, project_id: UUID) -> list[Licensable]:
        rows = TransferCase.objects.filter(project=project_id, decision__in=PURSUED).going_on()
        return [_asset(row) for row in rows.select_related("disclosure")]

    def named(self, keys: Sequence[str]) -> list[Licensable]:
        return [_asset(row) for row in TransferCase.objects.filter(pk__in=_ids(keys)).select_related("disclosure")]

    def findings(self, key: str, wish: Wish) -> list[Finding]:
        row = TransferCase.objects.select_related("disclosure").get(pk=key)
        if row.decision in PURSUED and row.state not in ENDED:
            return []
        text = _("%(case)s is given up, or not decided to be used, so it is not licensed.") % {
            "case": _asset(row).label
        }
        return [Finding(Missing(f"case.not_pursued.{row.pk}", text, row.get_absolute_url()))]


class Protections:
    """Applications and rights, owned by the organisation whose case they protect. What has ended is not licensed."""

    def of_project(self, project_id: UUID) -> list[Licensable]:
        rows = Protection.objects.filter(family__case__project=project_id).alive()
        return [_right(row) for row in rows.with_rows()]

    def named(self, keys: Sequence[str]) -> list[Licensable]:
        return [_right(row) for row in Protection.objects.filter(pk__in=_ids(keys)).with_rows()]

    def findings(self, key: str, wish: Wish) -> list[Finding]:
        row = Protection.objects.with_rows().get(pk=key)
        facts = {"what": row, "where": row.jurisdiction}

        def says(code: str, text: str, *, forbids: bool, **more: object) -> Finding:
            told = Missing(f"protection.{code}.{row.pk}", text % (facts | more), row.get_absolute_url())
            return Finding(told, forbids)

        today, end = timezone.localdate(), row.expires_on
        if row.is_over and row.ended_on is not None:
            day = date_format(row.ended_on)
            return [says("over", _("%(what)s ended on %(day)s."), forbids=True, day=day)]
        if end is not None and end <= today:
            return [says("expired", _("%(what)s expired on %(day)s."), forbids=True, day=date_format(end))]
        found = []
        if row.status == ProtectionStatus.PLANNED:
            found.append(says("planned", _("%(what)s is only planned, not filed."), forbids=False))
        if end is not None and (wish.ends_on is None or wish.ends_on > end):
            text = _("%(what)s expires on %(day)s, before the licence ends.")
            found.append(says("expires", text, forbids=False, day=date_format(end)))
        place = row.jurisdiction
        if place and place not in REGIONAL and wish.countries and place not in wish.countries:
            text = _("%(what)s protects only in %(where)s, where this licence grants nothing.")
            found.append(says("elsewhere", text, forbids=False))
        return found


def cases_for(user: Person, houses: Iterable[Organisation], project_id: UUID) -> QuerySet[TransferCase]:
    """The cases that a licence out of a project can be about: used, of these licensors, of the project or of none."""
    rows = TransferCase.objects.filter(Q(project=None) | Q(project=project_id), organisation__in=houses)
    rows = visible_to(user, "case.view", rows.filter(decision__in=PURSUED).exclude(state__in=ENDED))
    return rows.select_related("disclosure").order_by("-docket", "pk")


def why_not_about(case: TransferCase | None, houses: QuerySet[Organisation], project: Project | None) -> str:
    """Why a draft cannot be about a case that was asked for, in a sentence; empty when it can, or still may.

    `project`: the one that the licence is drafted out of, once it is chosen.
    """
    if case is None:
        return _("There is no such case, or it is not yours to see.")
    return str(misfit(case, set(houses.values_list("pk", flat=True)), project) or "")


def misfit(
    case: TransferCase, licensors: Container[UUID], project: Project | None
) -> InvalidError | ConflictError | None:
    """What keeps a licence of these licensors, out of the project once it is chosen, from being about the case."""
    facts = {"case": case}
    if case.organisation_id not in licensors:
        text = _("%(case)s belongs to %(owner)s, so it is not licensed by anybody else.")
        return InvalidError(text % (facts | {"owner": case.organisation}), field="case")
    if project is not None and case.project_id not in {None, project.pk}:
        text = _("%(case)s came out of another project, so it is licensed there.")
        return InvalidError(text % facts, field="case")
    if case.decision not in PURSUED or case.state in ENDED:
        text = _("%(case)s is given up, or not decided to be used, so it is not licensed.")
        return ConflictError(text % facts, field="case")
    return None


def assets_of_case(case: TransferCase) -> list[Licensable]:
    """The technology of a case and what still protects it: also of one that came out of no project."""
    living = Protection.objects.filter(family__case=case).alive().values_list("pk", flat=True)
    keys = [(TransferCase._meta.label_lower, str(case.pk))]
    keys += [(Protection._meta.label_lower, str(pk)) for pk in living]
    return list(licensables_named(keys).values())


def licences_about(case: TransferCase) -> LicenceQuerySet:
    """Licences of the organisation that name the case, or are about its technology, its rights or its results."""
    own, technology = case.organisation_id, f"{TransferCase._meta.label_lower}:{case.pk}"
    rights = Protection.objects.filter(family__case=case).values_list("pk", flat=True)
    things = [technology, *(f"{Protection._meta.label_lower}:{pk}" for pk in rights)]
    # A model or dataset may be disclosed to each of its owners; what one of them licenses does not bind the others.
    things += [f"{row.subject_type}:{row.subject_id}" for row in case.results.all()]
    ours = Q(assets__thing__name__in=things) & (Q(licensor=own) | Q(co_licensors=own))
    return Licence.objects.filter(Q(case=case) | ours).distinct()


def licences_on(case: TransferCase) -> list[Missing]:
    """Licences and options that bind the organisation to what the case holds."""
    rows = licences_about(case).with_state().filter(now__in=[state.value for state in BINDING])
    text = _("%(licence)s is in force; it ends before the case is decided anew.")
    return [
        Missing("licence_in_force", text % {"licence": row.agreement}, row.get_absolute_url())
        for row in rows.select_related("agreement")
    ]


def closed_to(user: Person, project_id: UUID) -> set[str]:
    """Keys of the cases of a project, and of their protections, that the person may not see."""
    found: set[str] = set()
    for model, path in ((TransferCase, ""), (Protection, "family__case__")):
        rows: Any = model._default_manager.filter(**{f"{path}project": project_id})
        seen = visible_to(user, "case.view", rows)
        hidden = rows.exclude(pk__in=seen.values("pk")).values_list("pk", flat=True)
        found |= {f"{model._meta.label_lower}:{key}" for key in hidden}
    return found


def _right(row: Protection) -> Licensable:
    case = row.family.case
    return Licensable(
        kind="protection",
        subject_type=Protection._meta.label_lower,
        subject_id=str(row.pk),
        label=str(row),
        owners=frozenset({case.organisation_id}),
        because=_("It protects a case of that organisation."),
        url=row.get_absolute_url(),
        project_id=case.project_id,
    )


def _asset(case: TransferCase) -> Licensable:
    kind = "software" if case.disclosure.kind == "software" else "technology"
    return Licensable(
        kind=kind,
        subject_type=TransferCase._meta.label_lower,
        subject_id=str(case.pk),
        label=" · ".join(filter(None, (case.docket, str(case.disclosure)))),
        owners=frozenset({case.organisation_id}),
        because=_("It is a case of that organisation."),
        url=case.get_absolute_url(),
        project_id=case.project_id,
    )


def _ids(keys: Sequence[str]) -> list[UUID]:
    found = []
    for key in keys:
        try:
            found.append(UUID(key))
        except ValueError:
            continue
    return found
