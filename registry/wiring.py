"""How data and models hang on projects, and what their words need beside the role: coverage by an agreement."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from collab.access.policy import Missing, Reason, Requirement, Scope, party_of, register_requirement, register_scope
from collab.accounts.models import Membership, User
from collab.agreements.assets import register_assets
from collab.agreements.coverage import because as because_covered
from collab.agreements.coverage import covered
from collab.agreements.coverage import explain as explain_coverage
from collab.agreements.models import Purpose
from collab.casefile.contents import attributes, register_case_table
from collab.courses.conditions import needs_course
from collab.courses.models import ConditionScope
from collab.ethics.blocking import blocked_by_ethics
from collab.ethics.states import Area
from collab.graph.sources import register_graph_source
from collab.projects.facts import register_facts
from collab.projects.products import register_products
from collab.projects.running import NOT_ENDED, requires_project
from collab.terms.acceptance import accepted
from collab.terms.acceptance import because as because_accepted
from collab.terms.acceptance import explain as explain_acceptance
from collab.terms.matrix import register_matrix
from collab.transfer.disclosures.prefill import register_prefill
from collab.transfer.licences.licensable import register_licensable
from registry.catalog.disclosing import MODEL_VERSION, prefill
from registry.catalog.disclosing import offered as offered_models
from registry.catalog.drawing import KINDS as MODEL_KINDS
from registry.catalog.drawing import draw_models
from registry.catalog.models import ModelMetric, ModelVersion, RegisteredModel
from registry.catalog.telling import ModelProducts, model_counts
from registry.datasets.disclosing import DATASET_VERSION
from registry.datasets.disclosing import offered as offered_datasets
from registry.datasets.disclosing import prefill as prefill_dataset
from registry.datasets.models import Dataset, DatasetVersion
from registry.datasets.telling import DatasetAssets, DatasetProducts, dataset_counts
from registry.releases.licensable import DatasetVersions, ModelVersions
from registry.uses.matching import missing_use
from registry.uses.models import UseCode, UseTerms, open_to

register_assets(DatasetAssets())
register_licensable(ModelVersion._meta.label_lower, ModelVersions())
register_licensable(DatasetVersion._meta.label_lower, DatasetVersions())
register_products("datasets", DatasetProducts())
register_products("models", ModelProducts())
register_facts("datasets", dataset_counts)
register_facts("models", model_counts)
register_prefill(MODEL_VERSION, prefill, offered_models)
register_prefill(DATASET_VERSION, prefill_dataset, offered_datasets)
register_graph_source("models", draw_models, kinds=MODEL_KINDS)

register_scope(Dataset, Scope(view="dataset.view", project="project"))
register_scope(DatasetVersion, Scope(view="dataset.view", project="dataset__project"))
register_scope(UseTerms, Scope(view="dataset.view", project="dataset__project"))
register_scope(UseCode, Scope(view="dataset.view", project="terms__dataset__project"))
register_scope(RegisteredModel, Scope(view="model.view", project="project"))
register_scope(ModelVersion, Scope(view="model.view", project="model__project"))
register_scope(ModelMetric, Scope(view="model.view", project="version__model__project"))

register_case_table(
    attributes(
        "datasets",
        "dataset.view",
        "dataset=dataset.name contributed_by=dataset.organisation version=number id kind rows size_bytes sha256 "
        "file_name uploaded_by=created_by uploaded_at=created_at",
        lambda project: (
            DatasetVersion.objects.filter(dataset__project=project)
            .select_related("dataset__organisation", "created_by")
            .order_by("dataset__created_at", "dataset_id", "number")
        ),
    )
)
register_case_table(
    attributes(
        "data_use_codes",
        "dataset.view",
        "dataset=terms.dataset.name terms=terms.number counts_now=terms.current code until territories text "
        "set_by=terms.set_by set_at=terms.created_at",
        lambda project: (
            UseCode.objects.filter(terms__dataset__project=project)
            .select_related("terms__dataset", "terms__set_by")
            .order_by("terms__dataset_id", "terms__number", "code")
        ),
    )
)
register_case_table(
    attributes(
        "models",
        "model.view",
        "model=model.name task=model.task version=number id architecture parameters primary_metric primary_value "
        "baseline manifest_sha256 size_bytes job=job_id trained_on=dataset_versions trained_under=terms "
        "started_from trained_by=created_by at=created_at",
        lambda project: (
            ModelVersion.objects.filter(model__project=project)
            .select_related("model", "created_by", "started_from__model")
            .prefetch_related("dataset_versions__dataset", "terms__agreement")
            .order_by("model__created_at", "model_id", "number")
        ),
    )
)


def _own(user: User, at: datetime, owner_path: str, project_path: str) -> Exists:
    """Data that the person's own party contributed."""
    return Exists(
        Membership.objects.filter(user=user, organisation=OuterRef(owner_path), project=OuterRef(project_path)).active(
            at
        )
    )


def _may_read(project_path: str, asset_path: str, owner_path: str):  # type: ignore[no-untyped-def]
    def condition(user: User, at: datetime) -> Q:
        shared = covered(user, at, purpose=Purpose.DATA_ACCESS, project_path=project_path, asset_path=asset_path)
        return Q(_own(user, at, owner_path, project_path)) | Q(shared)

    return condition


def _may_train(project_path: str, asset_path: str):  # type: ignore[no-untyped-def]
    def condition(user: User, at: datetime) -> Exists:
        # The owner too: a joint model is trained under the terms of all, or not at all.
        return covered(user, at, purpose=Purpose.TRAINING, project_path=project_path, asset_path=asset_path)

    return condition


def _has_accepted(project_path: str, asset_path: str, owner_path: str, purpose: Purpose):  # type: ignore[no-untyped-def]
    def condition(user: User, at: datetime) -> Q:
        terms = accepted(user, at, purpose=purpose, project_path=project_path, asset_path=asset_path)
        return terms | Q(_own(user, at, owner_path, project_path)) if purpose == Purpose.DATA_ACCESS else terms

    return condition


def _codes_permit(project_path: str, asset_path: str, owner_path: str, *, own: bool):  # type: ignore[no-untyped-def]
    def condition(user: User, at: datetime) -> Q:
        permitted = open_to(user, at, asset_path=asset_path)
        return permitted | Q(_own(user, at, owner_path, project_path)) if own else permitted

    return condition


def _not_owner(user: User, dataset: Dataset, at: datetime) -> Missing:
    text = gettext("Only people who act for %(party)s, whose data this is, say what it may be used for.")
    return Missing("owner", text % {"party": dataset.organisation}, dataset.get_absolute_url())


def _of_dataset(explain):  # type: ignore[no-untyped-def]
    """A sentence about a dataset, also for its versions."""

    def sentence(user: User, obj: Dataset | DatasetVersion, at: datetime):  # type: ignore[no-untyped-def]
        return explain(user, obj.dataset if isinstance(obj, DatasetVersion) else obj, at)

    return sentence


def _because_own_or_covered(user: User, dataset: Dataset, at: datetime) -> list[Reason]:
    owner = party_of(user, dataset.project_id, at).filter(pk=dataset.organisation_id).first()
    if owner is not None:
        text = gettext("%(party)s contributed this data and may always read it.") % {"party": owner}
        return [Reason("own", text, dataset.get_absolute_url())]
    return because_covered(purpose=Purpose.DATA_ACCESS)(user, dataset, at)


register_matrix(Dataset, ("dataset.read", "dataset.train"), project="project")

for _model, _project, _asset, _owner in (
    (Dataset, "project", "pk", "organisation"),
    (DatasetVersion, "dataset__project", "dataset", "dataset__organisation"),
):
    register_requirement(
        Requirement(
            code=f"{_model.__name__}.read",
            words=frozenset({"dataset.read"}),
            model=_model,
            condition=_may_read(_project, _asset, _owner),
            explain=_of_dataset(explain_coverage(purpose=Purpose.DATA_ACCESS)),
            label=_("Agreement"),
            because=_of_dataset(_because_own_or_covered),
        )
    )
    register_requirement(
        Requirement(
            code=f"{_model.__name__}.train",
            words=frozenset({"dataset.train"}),
            model=_model,
            condition=_may_train(_project, _asset),
            explain=_of_dataset(explain_coverage(purpose=Purpose.TRAINING)),
            label=_("Agreement"),
            because=_of_dataset(because_covered(purpose=Purpose.TRAINING)),
        )
    )
    for _word, _purpose in (("dataset.read", Purpose.DATA_ACCESS), ("dataset.train", Purpose.TRAINING)):
        register_requirement(
            Requirement(
                code=f"{_model.__name__}.accepted_{_purpose}",
                words=frozenset({_word}),
                model=_model,
                condition=_has_accepted(_project, _asset, _owner, _purpose),
                explain=_of_dataset(explain_acceptance(purpose=_purpose)),
                label=_("Acceptance"),
                because=_of_dataset(because_accepted(purpose=_purpose)),
            )
        )
    for _word in ("dataset.read", "dataset.train"):
        register_requirement(
            Requirement(
                code=f"{_model.__name__}.use_codes_{_word}",
                words=frozenset({_word}),
                model=_model,
                condition=_codes_permit(_project, _asset, _owner, own=_word == "dataset.read"),
                explain=_of_dataset(missing_use),
                label=_("Data-use code"),
            )
        )

for _model, _project, _asset in ((Dataset, "project", "pk"), (DatasetVersion, "dataset__project", "dataset")):
    needs_course(
        _model, "dataset.read", "dataset.train", needed_for=ConditionScope.DATA, project=_project, asset=_asset
    )

for _model, _path in ((Dataset, "project"), (DatasetVersion, "dataset__project")):
    requires_project(_model, _path, "dataset.train", "dataset.upload")
    requires_project(_model, _path, "dataset.read", states=NOT_ENDED)
    blocked_by_ethics(_model, _path, Area.DATA, "dataset.read", "dataset.train")
for _model, _path in ((RegisteredModel, "project"), (ModelVersion, "model__project")):
    blocked_by_ethics(_model, _path, Area.RELEASES, "model.download")
requires_project(ModelVersion, "model__project", "model.try", states=NOT_ENDED)

register_requirement(
    Requirement(
        code="Dataset.govern",
        words=frozenset({"dataset.govern"}),
        model=Dataset,
        condition=lambda user, at: Q(_own(user, at, "organisation", "project")),
        explain=_not_owner,
        label=_("Owner"),
    )
)
