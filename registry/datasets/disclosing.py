"""What a dataset version tells a disclosure: its name, what is in it, and who worked on it."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from collab.access.policy import visible_to
from collab.accounts.models import User
from collab.projects.models import Project
from collab.transfer.disclosures.models import DisclosureKind
from collab.transfer.disclosures.prefill import Prefill, ResultTerm
from registry.datasets.models import DatasetVersion

DATASET_VERSION = DatasetVersion._meta.label_lower
OFFERED_MAX = 100


def prefill(user: User, pk: UUID) -> Prefill | None:
    """What is known of a dataset version; None when the person may not see it.

    The people are those who announced the dataset and uploaded its versions until then, the first one first.
    """
    rows = DatasetVersion.objects.select_related("dataset__project", "dataset__organisation", "dataset__created_by")
    version: DatasetVersion | None = visible_to(user, "dataset.view", rows).filter(pk=pk).first()
    if version is None:
        return None
    dataset = version.dataset
    earlier = dataset.versions.filter(number__lte=version.number).order_by("number").select_related("created_by")
    people = [dataset.created_by, *(row.created_by for row in earlier)]
    return Prefill(
        project=dataset.project,
        kind=DisclosureKind.DATASET,
        title=str(version),
        summary=_("A dataset: %(kind)s, %(n)d rows.") % {"kind": version.get_kind_display(), "n": version.rows},
        description="\n".join(_lines(version)),
        results=(_term(version),),
        contributors=tuple({person.pk: person for person in people}.values()),
    )


def offered(user: User, project: Project) -> list[ResultTerm]:
    """The versions of a project's datasets that the person sees, the newest first."""
    rows = DatasetVersion.objects.visible_to(user).filter(dataset__project=project).select_related("dataset")
    return [_term(version) for version in rows.order_by("-created_at", "pk")[:OFFERED_MAX]]


def _term(version: DatasetVersion) -> ResultTerm:
    return ResultTerm("dataset_version", DATASET_VERSION, version.pk, str(version), version.get_absolute_url())


def _lines(version: DatasetVersion) -> list[str]:
    lines = [version.dataset.description] if version.dataset.description else []
    lines.append(_("Contributed by: %(who)s.") % {"who": version.dataset.organisation})
    lines.append(_("Fingerprint of the file: %(hash)s.") % {"hash": version.sha256})
    return lines
