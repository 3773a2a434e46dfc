"""Model and dataset versions as assets of licences: whose they are, and what the codes of their data forbid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import Missing
from collab.accounts.models import Membership, OrganisationKind
from collab.agreements.ip import IPTerms, ResultsOwner
from collab.agreements.models import AgreementVersion
from collab.projects.models import OutputShare, ProjectParty
from collab.transfer.licences.licensable import Finding, Licensable, Wish
from registry.catalog.models import ModelVersion
from registry.datasets.models import Dataset, DatasetVersion
from registry.uses.models import NOT_FOR_PROFIT, UseCode
from registry.uses.vocabulary import Use

_FOR_PEOPLE = (Use.ETHICS_REQUIRED, Use.PROJECT_SPECIFIC, Use.TOPIC_SPECIFIC, Use.COLLABORATION_REQUIRED,
               Use.PUBLICATION_REQUIRED, Use.RETURN_RESULTS, Use.NO_METHODS)  # fmt: skip


def keys_of(texts: Iterable[str]) -> list[UUID]:
    """Those of the texts that are ids."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


class ModelVersions:
    """Trained models. Whose they are says the register of outputs, else the agreements, else who trained them."""

    def of_project(self, project_id: UUID) -> list[Licensable]:
        return self._assets(ModelVersion.objects.filter(model__project=project_id))

    def named(self, keys: Sequence[str]) -> list[Licensable]:
        return self._assets(ModelVersion.objects.filter(pk__in=keys_of(keys)))

    def findings(self, key: str, wish: Wish) -> list[Finding]:
        datasets = Dataset.objects.filter(versions__model_versions__pk=key).distinct()
        return [one for dataset in datasets for one in findings_of(dataset, wish)]

    def _assets(self, rows: object) -> list[Licensable]:
        versions = list(rows.select_related("model__project", "created_by"))  # type: ignore[attr-defined]
        owners = _Owners({version.model.project_id for version in versions}, [version.pk for version in versions])
        return [
            Licensable(
                kind="model_version",
                subject_type=ModelVersion._meta.label_lower,
                subject_id=str(version.pk),
                label=str(version),
                url=version.get_absolute_url(),
                project_id=version.model.project_id,
                **owners.of(version),
            )
            for version in versions
        ]


class DatasetVersions:
    """Datasets belong to whoever contributed them."""

    def of_project(self, project_id: UUID) -> list[Licensable]:
        return self._assets(DatasetVersion.objects.filter(dataset__project=project_id))

    def named(self, keys: Sequence[str]) -> list[Licensable]:
        return self._assets(DatasetVersion.objects.filter(pk__in=keys_of(keys)))

    def findings(self, key: str, wish: Wish) -> list[Finding]:
        return findings_of(Dataset.objects.get(versions__pk=key), wish)

    def _assets(self, rows: object) -> list[Licensable]:
        return [
            Licensable(
                kind="dataset_version",
                subject_type=DatasetVersion._meta.label_lower,
                subject_id=str(version.pk),
                label=str(version),
                url=version.get_absolute_url(),
                project_id=version.dataset.project_id,
                owners=frozenset({version.dataset.organisation_id}),
                because=_("It was contributed by %(who)s.") % {"who": version.dataset.organisation},
            )
            for version in rows.select_related("dataset__organisation")  # type: ignore[attr-defined]
        ]


class _Owners:
    """Whose model versions are, for several projects at once."""

    def __init__(self, projects: set[UUID], versions: Sequence[UUID]) -> None:
        self.shares: dict[UUID, dict[UUID, Decimal]] = {}
        shares = OutputShare.objects.filter(output__row_id__in=versions).values_list(
            "output__row_id", "party__organisation", "percent"
        )
        for version, organisation, percent in shares:
            self.shares.setdefault(version, {})[organisation] = percent
        self.parties: dict[UUID, dict[UUID, str]] = {}
        rows = ProjectParty.objects.filter(project__in=projects, left_on=None)
        for project, organisation, kind in rows.values_list("project", "organisation", "organisation__kind"):
            self.parties.setdefault(project, {})[organisation] = kind
        self.acting: dict[tuple[UUID, UUID], set[UUID]] = {}
        for project, user, organisation in Membership.objects.filter(project__in=projects).values_list(
            "project", "user", "organisation"
        ):
            self.acting.setdefault((project, user), set()).add(organisation)
        self.rules: dict[UUID, IPTerms] = {}
        in_force = AgreementVersion.objects.in_force(timezone.now()).filter(agreement__project__in=projects)
        for ip in (
            IPTerms.objects.filter(version__in=in_force.values("pk"))
            .select_related("version__agreement")
            .order_by("version__executed_at")
        ):
            self.rules[ip.version.agreement.project_id] = ip  # the newest counts

    def of(self, version: ModelVersion) -> dict[str, object]:
        project = version.model.project_id
        if version.pk in self.shares:
            parts = self.shares[version.pk]
            because = _("The register of outputs says so.")
            known = {"owners": frozenset(parts), "jointly": len(parts) > 1, "because": because}
            return known | {"parts": tuple(parts.items())}
        parties = self.parties.get(project, {})
        makers = self.acting.get((project, version.created_by_id), set()) & set(parties)
        ip = self.rules.get(project)
        if ip is None or ip.results_owner == ResultsOwner.OWN:
            because = _("It was trained by %(who)s.") % {"who": version.created_by}
            return {"owners": frozenset(makers), "jointly": False, "because": because}
        because = _("%(ref)s says: %(rule)s.") % {
            "ref": ip.version.agreement.reference, "rule": ip.get_results_owner_display(),
        }  # fmt: skip
        if ip.results_owner == ResultsOwner.JOINT:
            return {"owners": frozenset(parties), "jointly": True, "because": because}
        wanted = (
            OrganisationKind.UNIVERSITY if ip.results_owner == ResultsOwner.UNIVERSITY else OrganisationKind.COMPANY
        )
        owners = {key for key, kind in parties.items() if kind == wanted}
        return {"owners": frozenset(owners), "jointly": len(owners) > 1, "because": because}


# --- what the codes of the data say
def findings_of(dataset: Dataset, wish: Wish) -> list[Finding]:
    """Each code of a dataset against the licence of it, or of a model that was trained on it."""
    codes = UseCode.objects.current().filter(terms__dataset=dataset).with_names()
    return [found for code in codes if (found := _finding(dataset, code, wish)) is not None]


def _finding(dataset: Dataset, code: UseCode, wish: Wish) -> Finding | None:
    url = reverse("registry:dataset_uses", args=[dataset.pk])
    facts = {"data": dataset.name, "code": code, "what": code.parameter}

    def says(text: str, forbids: bool = True) -> Finding:
        return Finding(Missing(f"use.{code.code}.{dataset.pk}", text % facts, url), forbids)

    if code.code == Use.NON_COMMERCIAL and wish.commercial:
        return says(_("“%(data)s” is open to “%(code)s”, and this licence is for commercial use."))
    if code.code == Use.NOT_FOR_PROFIT and wish.licensee.kind not in NOT_FOR_PROFIT:
        return says(_("“%(data)s” is open to “%(code)s”, and the licensee is none."))
    if code.code == Use.INSTITUTION_SPECIFIC and wish.licensee not in list(code.organisations.all()):
        return says(_("“%(data)s” is open to certain organisations only, and the licensee is none of them: %(what)s."))
    if code.code == Use.USER_SPECIFIC:
        return says(_("“%(data)s” is open to certain people only, so it cannot be licensed on: %(what)s."))
    if code.code == Use.TIME_LIMIT and code.until and (wish.ends_on is None or wish.ends_on > code.until):
        facts["what"] = date_format(code.until)
        return says(_("“%(data)s” may be used until %(what)s only, and this licence goes on longer."))
    if code.code == Use.GEOGRAPHY and not wish.countries <= set(code.territories):
        return says(_("“%(data)s” may be used in %(what)s only, and the territory of this licence is wider."))
    if code.code in _FOR_PEOPLE:
        return says(_("“%(data)s” carries “%(code)s”; its owner says whether this licence fits. %(what)s"), False)
    return None
