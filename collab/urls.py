"""Pages of the people side."""

from collab.access.rules import SIGNED_IN, route, rule
from collab.web import views

app_name = "collab"
urlpatterns = [
    route("", views.dashboard, rule(SIGNED_IN), name="dashboard"),
    route("projects/", views.dashboard, rule(SIGNED_IN), name="projects"),
    route("projects/<slug:slug>/", views.dashboard, rule("project.view"), name="project"),
    route("agreements/<uuid:pk>/", views.dashboard, rule("agreement.view"), name="agreement"),
]
