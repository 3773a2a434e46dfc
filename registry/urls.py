"""Pages of data and models."""

from collab.access.rules import SIGNED_IN, route, rule
from registry.catalog import views as catalog
from registry.datasets import views as datasets
from registry.releases import views as releases
from registry.uses import views as uses

app_name = "registry"
urlpatterns = [
    # datasets
    route("datasets/", datasets.dataset_list, rule(SIGNED_IN), name="datasets"),
    route("datasets/new/", datasets.dataset_new, rule(SIGNED_IN, "GET", "POST"), name="dataset_new"),
    route("datasets/<uuid:pk>/", datasets.dataset_page, rule("dataset.view"), name="dataset"),
    route(
        "datasets/<uuid:pk>/upload/",
        datasets.dataset_upload,
        rule("dataset.upload", "GET", "POST"),
        name="dataset_upload",
    ),
    route(
        "datasets/<uuid:pk>/v<int:number>/download/",
        datasets.dataset_download,
        rule("dataset.read"),
        name="dataset_download",
    ),
    route("datasets/<uuid:pk>/uses/", uses.dataset_uses, rule("dataset.view"), name="dataset_uses"),
    route(
        "datasets/<uuid:pk>/uses/edit/",
        uses.dataset_uses_edit,
        rule("dataset.govern", "GET", "POST"),
        name="dataset_uses_edit",
    ),
    route("projects/<slug:slug>/datasets/", datasets.project_datasets, rule("dataset.view"), name="project_datasets"),
    # models
    route("models/", catalog.model_list, rule(SIGNED_IN), name="models"),
    route("models/<uuid:pk>/", catalog.model_page, rule("model.view"), name="model"),
    route("models/<uuid:pk>/v<int:number>/", catalog.version_page, rule("model.view"), name="model_version"),
    route(
        "models/<uuid:pk>/v<int:number>/card/",
        catalog.card_edit,
        rule("model.register", "GET", "POST"),
        name="model_card",
    ),
    # what others licensed to one's organisation
    route("licensed/", releases.release_list, rule("release.view"), name="releases"),
    route("licensed/<uuid:pk>/", releases.release, rule("release.view"), name="release"),
    route(
        "licensed/<uuid:pk>/files/<str:sha256>/",
        releases.release_file,
        rule("release.download"),
        name="release_file",
    ),
    route("projects/<slug:slug>/models/", catalog.project_models, rule("model.view"), name="project_models"),
]
