"""What the gate says when it says no: MLflow's own error shape, so that the stock client shows the sentence."""

from django.http import JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

# MLflow's error codes, as its client knows them.
UNAUTHENTICATED = "UNAUTHENTICATED"
DENIED = "PERMISSION_DENIED"
MISSING = "RESOURCE_DOES_NOT_EXIST"
NO_ENDPOINT = "ENDPOINT_NOT_FOUND"
INVALID = "INVALID_PARAMETER_VALUE"
CONFLICT = "RESOURCE_CONFLICT"
SUPERSEDED = "ABORTED"
UNAVAILABLE = "TEMPORARILY_UNAVAILABLE"
INTERNAL = "INTERNAL_ERROR"


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """The gate refuses; carries the status, MLflow's code and the sentence shown to the caller."""

    def __init__(self, status: int, code: str, message: str | Promise, **headers: str) -> None:
        super().__init__(str(message))
        self.status, self.code, self.message = status, code, str(message)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> JsonResponse:
        """The refusal as an HTTP answer."""
        return JsonResponse(
            {"error_code": self.code, "message": self.message}, status=self.status, headers=self.headers
        )


def unauthenticated() -> Refusal:
    """No token, or one that is unknown, withdrawn or expired: which of them is not told."""
    message = _("Send a valid Tandem token as MLFLOW_TRACKING_TOKEN; yours is missing, unknown or expired.")
    return Refusal(401, UNAUTHENTICATED, message, WWW_Authenticate='Bearer realm="tandem"')


def no_project() -> Refusal:
    """The same answer for a project that is not there and one that the caller may not see."""
    return Refusal(404, MISSING, _("There is no such project, or your token does not reach it."))


def no_endpoint() -> Refusal:
    """The path is not in the list of what may pass."""
    return Refusal(404, NO_ENDPOINT, _("This part of MLflow is not offered here. See the tracking page of the guide."))


def missing(what: str) -> Refusal:
    """Something the request refers to is not in this project; `what` names its kind and is already translated."""
    return Refusal(404, MISSING, what)


def denied(message: str | Promise) -> Refusal:
    """The caller may see the project but not do this."""
    return Refusal(403, DENIED, message)


def invalid(message: str | Promise) -> Refusal:
    """The request is understood and refused; the sentence says what to write instead."""
    return Refusal(400, INVALID, message)


def too_large(message: str | Promise) -> Refusal:
    """The body is over its limit."""
    return Refusal(413, INVALID, message)


def unavailable() -> Refusal:
    """MLflow does not answer; the stock client waits and asks again."""
    return Refusal(503, UNAVAILABLE, _("Tracking is restarting. Try again in a few seconds."), Retry_After="5")
