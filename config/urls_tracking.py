"""Routes of the tracking process: the gate to MLflow, and a sign of life. Nothing else listens there."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, JsonResponse

from collab.access.rules import PUBLIC, route, rule
from registry.tracking import refusals
from registry.tracking.gateway import gate


def live(request: HttpRequest) -> JsonResponse:
    """The process answers; whether MLflow does is seen through the gate."""
    return JsonResponse({"status": "ok"})


def _error(status: int, code: str) -> Callable[..., JsonResponse]:
    """Django's own errors in the clients' language: there are no pages here."""

    def handler(request: HttpRequest, exception: Any = None) -> JsonResponse:
        if status == 404:
            return refusals.no_endpoint().response()
        return JsonResponse({"error_code": code, "message": f"HTTP {status}"}, status=status)

    return handler


handler400 = _error(400, refusals.INVALID)
handler403 = _error(403, refusals.DENIED)
handler404 = _error(404, refusals.NO_ENDPOINT)
handler500 = _error(500, refusals.INTERNAL)

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
