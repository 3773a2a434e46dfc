"""What a model version tells a disclosure: its name, how it was made, and who worked on it."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from collab.accounts.models import User
from collab.projects.models import Project
from collab.transfer.disclosures.models import DisclosureKind
from collab.transfer.disclosures.prefill import Prefill, ResultTerm
from registry.catalog.models import ModelVersion

MODEL_VERSION = ModelVersion._meta.label_lower
OFFERED_MAX = 100


def prefill(user: User, pk: UUID) -> Prefill | None:
    """What is known of a model version; None when the person may not see it.

    The people are those who registered it and who brought the data: who of them is an inventor, they say themselves.
    """
    version = ModelVersion.objects.with_lineage().visible_to(user).filter(pk=pk).first()
    if version is None:
        return None
    people = [version.created_by, version.model.created_by]
    people += [row.created_by for row in version.dataset_versions.select_related("created_by")]
    return Prefill(
        project=version.model.project,
        kind=DisclosureKind.TRAINED_MODEL,
        title=str(version),
        summary=_("A trained model for: %(task)s.") % {"task": version.model.task_label},
        description="\n".join(_lines(version)),
        results=(_term(version),),
        contributors=tuple({person.pk: person for person in people}.values()),
    )


def offered(user: User, project: Project) -> list[ResultTerm]:
    """The versions of a project's models that the person sees, the newest first."""
    rows = ModelVersion.objects.visible_to(user).filter(model__project=project).select_related("model")
    return [_term(version) for version in rows.order_by("-created_at", "pk")[:OFFERED_MAX]]


def _term(version: ModelVersion) -> ResultTerm:
    return ResultTerm("model_version", MODEL_VERSION, version.pk, str(version), version.get_absolute_url())


def _lines(version: ModelVersion) -> list[str]:
    data = _(", ").join(str(row) for row in version.dataset_versions.all())
    terms = _(", ").join(str(row) for row in version.terms.all())
    lines = [
        _("Architecture: %(name)s, %(n)d parameters.") % {"name": version.architecture, "n": version.parameters},
        _("Trained on: %(data)s.") % {"data": data or "–"},
        _("Under the agreements: %(terms)s.") % {"terms": terms or "–"},
    ]
    if version.primary_metric and version.primary_value is not None:
        lines.append(
            _("Measured: %(metric)s = %(value).4g.")
            % {"metric": version.primary_metric, "value": version.primary_value}
        )
    lines.append(_("Fingerprint of the files: %(hash)s.") % {"hash": version.manifest_sha256})
    return lines
