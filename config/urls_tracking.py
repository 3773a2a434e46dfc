"""Routes of the tracking process: the gate to MLflow, and a sign of life. Nothing else listens there."""

from django.http import HttpRequest, JsonResponse

from collab.access.rules import PUBLIC, route, rule
from registry.tracking.gateway import gate


def live(request: HttpRequest) -> JsonResponse:
    """The process answers; whether MLflow does is seen through the gate."""
    return JsonResponse({"status": "ok"})


urlpatterns = [
    route("health/live", live, rule(PUBLIC, "GET"), name="tracking-live"),
    route(
        "mlflow/<slug:project>/<path:path>",
        gate,
        # Not a page: the gate itself asks for a bearer token and for tracking.read, .write or .manage.
        rule(PUBLIC, "GET", "POST", "PUT", "PATCH", "DELETE"),
        name="tracking-gate",
    ),
]
