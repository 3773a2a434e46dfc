"""Pages of training."""

from collab.access.rules import SIGNED_IN, route, rule
from collab.web import views

app_name = "training"
urlpatterns = [
    route("jobs/", views.dashboard, rule(SIGNED_IN), name="jobs"),
    route("jobs/<uuid:pk>/", views.dashboard, rule("job.view"), name="job"),
]
