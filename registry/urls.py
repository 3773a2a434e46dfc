"""Pages of data and models."""

from collab.access.rules import SIGNED_IN, route, rule
from collab.web import views

app_name = "registry"
urlpatterns = [
    route("datasets/", views.dashboard, rule(SIGNED_IN), name="datasets"),
    route("datasets/<uuid:pk>/", views.dashboard, rule("dataset.view"), name="dataset"),
    route("models/", views.dashboard, rule(SIGNED_IN), name="models"),
    route("models/<uuid:pk>/", views.dashboard, rule("model.view"), name="model"),
    route("models/<uuid:pk>/v<int:number>/", views.dashboard, rule("model.view"), name="model_version"),
]
