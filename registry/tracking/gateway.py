"""The gate: one view through which every stock MLflow client passes.

It knows who asks, lets a closed list of requests through, looks into those that MLflow takes too trustingly, sets the
workspace, and streams. Errors are in MLflow's shape.
"""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from collab.audit.services import record
from collab.kernel.errors import DomainError
from registry.tracking import content, identity, inspection, refusals, rules
from registry.tracking.refusals import Refusal
from registry.tracking.upstream import CHUNK_BYTES, Answer, Question, Upstream, UpstreamDownError, Workspace, upstream
from registry.tracking.workspaces import ensure_workspace

logger = logging.getLogger(__name__)

ARTIFACT_MAX_BYTES: Final = 16 * 1024**3
# Object stores are asked by MLflow as they come, and a file that is not there becomes a breakdown.
_READS_A_FILE: Final = ("GET /api/2.0/mlflow-artifacts/artifacts/{path}",)
_NOT_THERE: Final = (b"(404)", b"NoSuchKey", b"Not Found")
_HISTORY_FIELDS: Final = ("name", "version", "alias", "run_id", "experiment_id")
# Everything else stays here: Authorization, Cookie, Origin, the workspace a client may have named, forwarding headers.
_PASSED_ON: Final = ("Accept", "Content-Type", "Range", "If-Range", "If-None-Match", "If-Modified-Since", "User-Agent")
_PASSED_BACK: Final = frozenset(
    {
        "content-type",
        "content-length",
        "content-disposition",
        "content-range",
        "accept-ranges",
        "etag",
        "last-modified",
        "retry-after",
    }
)


@csrf_exempt  # a bearer token is sent by intent, never by a browser on its own
def gate(request: HttpRequest, project: str, path: str) -> HttpResponseBase:
    """`/mlflow/<project>/<path>`: answer as MLflow would, within the caller's rights in the project."""
    try:
        return _answer(request, project, "/" + path)
    except Refusal as refusal:
        logger.info("tracking.refused status=%s method=%s project=%s", refusal.status, request.method, project)
        return refusal.response()
    except UpstreamDownError:
        logger.warning("tracking.upstream_down method=%s project=%s", request.method, project)
        return refusals.unavailable().response()
    except Exception:  # a fault of ours: the trace goes to the log, and the client hears it in its own language
        logger.exception("tracking.fault method=%s project=%s", request.method, project)
        return _internal().response()


def _answer(request: HttpRequest, slug: str, path: str) -> HttpResponseBase:
    caller = identity.identify(authorization=request.headers.get("Authorization", ""), slug=slug)
    found = rules.find(request.method or "", path)
    caller.require(rules.READ if found is None else found.rule.word or rules.READ)
    if found is None:
        raise refusals.no_endpoint()
    rule = found.rule
    if rule.word == rules.NOBODY:
        raise refusals.denied(rule.refusal)
    if rule.answered_here:
        return JsonResponse(_server_info())

    behind = upstream()
    try:
        workspace = ensure_workspace(project=caller.project, behind=behind)
    except DomainError as fault:
        raise Refusal(409, refusals.CONFLICT, str(fault)) from fault
    look = inspection.Request(
        project=workspace,
        job_id=caller.job.job_id if caller.job else "",
        query=inspection.parse_query(request.META.get("QUERY_STRING", "")),
        variables=found.variables,
        lookup=Workspace(workspace, behind),
    )
    body, length = _body(request, rule, look)
    for name in rule.checks:
        inspection.CHECKS[name](look)
    if rule.body == "file":
        body = _checked_file(body, length, found.variables["path"])
    question = Question(
        method=rule.method,
        path=path,
        workspace=workspace,
        # MLflow reads the query of a GET and the body of all others; nothing uninspected is passed beside them.
        query=request.META.get("QUERY_STRING", "") if rule.method == "GET" else "",
        headers={name: request.headers[name] for name in _PASSED_ON if name in request.headers},
        body=body,
        length=length,
    )
    answer = _ask(behind, question)
    if rule.act and 200 <= answer.status < 300:
        _record(caller, rule, look)
    return _relay(answer, caller, rule)


def _record(caller: identity.Caller, rule: rules.Rule, look: inspection.Request) -> None:
    """Enter what a manager did into the history: MLflow itself forgets who moved an alias or deleted a run."""
    told = {name: inspection.field_of(look.body, name) for name in _HISTORY_FIELDS} | look.variables
    with transaction.atomic():
        record(
            verb=rule.act,
            subject=caller.project,
            by=caller.user,
            project_id=caller.project.pk,
            data={name: str(value)[:250] for name, value in told.items() if value},
        )


def _server_info() -> dict[str, Any]:
    """What the client may use here. Multipart and pre-signed transfers are off, so files pass the content check."""
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,  # the address is the workspace; a client has none to choose
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "features_enabled": {"gateway": False},
    }


# --- bodies ----------------------------------------------------------------------------------------------------------
def _body(request: HttpRequest, rule: rules.Rule, look: inspection.Request) -> tuple[Any, int]:
    """The body to pass on and its length. JSON is read, parsed into `look` and passed on unchanged; files wait."""
    if rule.body == "none":
        return None, 0
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        raise Refusal(411, refusals.INVALID, _("Send the length of the body (Content-Length)."))
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise refusals.invalid(_("Content-Length must be a whole number.")) from None
    if length < 0:
        raise refusals.invalid(_("Content-Length must be a whole number."))
    if rule.body == "file":
        if length > ARTIFACT_MAX_BYTES:
            raise refusals.too_large(_("A single file may have at most 16 GiB."))
        return request, length
    if length > inspection.JSON_MAX_BYTES:
        raise refusals.too_large(_("The body is larger than 2 MiB. Send smaller batches."))
    raw = _read_exactly(request, length)
    look.body = inspection.parse_body(raw)
    return io.BytesIO(raw), length


def _read_exactly(stream: Any, length: int) -> bytes:
    parts: list[bytes] = []
    missing = length
    while missing > 0:
        try:
            part = stream.read(min(missing, CHUNK_BYTES))
        except OSError:  # the client went away
            part = b""
        if not part:
            raise refusals.invalid(_("The body ended before its announced length."))
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _checked_file(stream: Any, length: int, path: str) -> "CheckedStream":
    """The upload as a stream whose kind is known to be harmless; raises Refusal (415) otherwise."""
    name = path.rpartition("/")[2]
    try:
        content.check_name(name)
        start = _read_exactly(stream, min(length, 8))
        head = start + _read_exactly(stream, content.head_length(name, start, length) - len(start))
        rest = content.check(name, head, length)
    except content.ContentError as fault:
        raise _unsupported(fault) from fault
    return CheckedStream(head, stream, length, rest)


def _unsupported(fault: content.ContentError) -> Refusal:
    return Refusal(415, refusals.INVALID, str(fault))


class CheckedStream(io.RawIOBase):
    """The head that was looked at, then the rest as it arrives. What goes wrong on the way is kept in `refusal`.

    Raising while MLflow reads makes it drop the half-written file; the gate then answers with `refusal`.
    """

    def __init__(self, head: bytes, stream: Any, length: int, check: Any) -> None:
        super().__init__()
        self._head, self._stream, self._left, self._check = head, stream, length, check
        self.refusal: Refusal | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._next(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _next(self, size: int) -> bytes:
        if self._left <= 0 or size <= 0:
            return b""
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            self._left -= len(data)
            return data
        try:
            data = self._stream.read(min(size, self._left, CHUNK_BYTES))
        except OSError:
            data = b""
        if not data:
            self._stop(refusals.invalid(_("The body ended before its announced length.")))
        self._left -= len(data)
        if self._check is not None:
            try:
                self._check(data, self._left == 0)
            except content.ContentError as fault:
                self._stop(_unsupported(fault))
        return data

    def _stop(self, refusal: Refusal) -> None:
        self.refusal = refusal
        raise OSError("upload refused")


# --- asking and answering --------------------------------------------------------------------------------------------
def _ask(behind: Upstream, question: Question) -> Answer:
    stopped = question.body if isinstance(question.body, CheckedStream) else None
    try:
        answer = behind.ask(question)
    except Exception:  # whatever broke behind us, a body that we stopped is the reason to tell
        if stopped is not None and stopped.refusal is not None:
            raise stopped.refusal from None
        raise
    if stopped is not None and stopped.refusal is not None:
        answer.close()
        raise stopped.refusal
    return answer


def _relay(answer: Answer, caller: identity.Caller, rule: rules.Rule) -> HttpResponseBase:
    """MLflow's answer for the client: untouched when it succeeds or explains, replaced when it is a breakdown."""
    where = f"{rule.method} {rule.template}"
    if answer.status >= 500 or (300 <= answer.status < 400 and answer.status != 304):
        raise _breakdown(answer, where, caller)
    response: HttpResponse | StreamingHttpResponse
    if answer.status >= 400:
        response = HttpResponse(_explanation(answer.read()), status=answer.status)
    else:
        response = StreamingHttpResponse(_Chunks(answer), status=answer.status)
    for name, value in answer.headers:
        if name.lower() in _PASSED_BACK and not (answer.status >= 400 and name.lower() == "content-length"):
            response[name] = value
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    if rule.method != "GET":
        logger.info("tracking.write status=%s rule=%s who=%s", answer.status, where, caller.who)
    return response


def _breakdown(answer: Answer, where: str, caller: identity.Caller) -> Refusal:
    """What the client hears when MLflow breaks: never its text, which may hold statements and folders."""
    text = answer.read()[:2000]
    if where in _READS_A_FILE and any(mark in text for mark in _NOT_THERE):
        return refusals.missing(_("This project has no such file."))
    logger.error("tracking.broke status=%s rule=%s who=%s text=%r", answer.status, where, caller.who, text)
    if answer.status in (502, 503, 504):
        return refusals.unavailable()
    return _internal()


def _internal() -> Refusal:
    return Refusal(500, refusals.INTERNAL, _("This could not be done. The operators find the reason in the log."))


def _explanation(body: bytes) -> bytes:
    """MLflow's explanation for the client, without this installation's folders or its database's statements."""
    if any(mark in body for mark in (b"[SQL:", b"sqlalche.me", b"Traceback")):
        try:
            code = str(json.loads(body)["error_code"])
        except (ValueError, KeyError, TypeError):
            code = "BAD_REQUEST"
        return json.dumps({"error_code": code, "message": _("MLflow's database refused this request.")}).encode()
    root = str(settings.MLFLOW_ARTIFACTS).rstrip("/").encode()
    return body.replace(root, b"") if root else body


class _Chunks:
    """The bytes of an answer; Django closes it when the response is over, which ends the request inside MLflow."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer.chunks)

    def close(self) -> None:
        self._answer.close()
