"""Looks into the bodies that MLflow itself would take too trustingly. Named checks, called by the list in `rules`.

Bodies are protobuf JSON, where `run_id` and `runId` mean the same: every look here goes through `field_of`, which knows
both spellings and refuses a body that uses them at once.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, unquote

from django.utils.translation import gettext as _

from registry.tracking import refusals
from registry.tracking.job_token import TAG_JOB

JSON_MAX_BYTES: Final = 2 * 1024**2
DEPTH_MAX: Final = 32
NAME_MAX_CHARS: Final = 250
REGISTERED_NAME_MAX_CHARS: Final = 80
STEP_MAX: Final = 2**53 - 1  # what JSON readers everywhere keep exactly
TIMESTAMP_MAX_MS: Final = 253_402_300_799_999  # the last moment of year 9999

# Aliases that mean "passed the release gate" or "shared with a party"; no token sets them by hand.
PROTECTED_ALIASES: Final = frozenset({"released"})
PROTECTED_ALIAS_PREFIXES: Final = ("shared-with-",)

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MODEL_ID: Final = re.compile(r"m-[0-9a-f]{32}")
_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")
_NAME_OF_JOBS: Final = re.compile(r"m-[0-9a-f]{16}")  # under which jobs register what they trained
_NAME_FIELDS: Final = ("name", "new_name", "run_name", "key")
RESERVED_TAGS: Final = "tandem."
_NAME_TAGS: Final = frozenset({"mlflow.runName"})


class Lookup(Protocol):
    """What this project's workspace holds; answered by MLflow with the workspace header set."""

    def model_status(self, model_id: str) -> str | None:
        """READY, PENDING or FAILED, or None when the workspace has no such logged model."""

    def model_owner(self, model_id: str) -> str | None:
        """The job that made the logged model, "" when a person did, None when it is not there."""

    def run_owner(self, run_id: str) -> str | None:
        """The job whose run it is, "" for a person's, None when it is not there."""


@dataclass
class Request:
    """What a check may look at: the parsed body, the query, the variables of the path, the workspace, and who asks.

    `job_id` is empty when a person asks.
    """

    project: str
    job_id: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    query: dict[str, list[str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    lookup: Lookup | None = None

    @property
    def workspace(self) -> Lookup:
        assert self.lookup is not None, "a check that asks MLflow needs a lookup"
        return self.lookup


# --- parsing ---------------------------------------------------------------------------------------------------------
def parse_body(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw` (empty means {}); refuses what MLflow would misread or a database could not store."""
    if not raw.strip():
        return {}
    if _depth(raw) > DEPTH_MAX:
        raise refusals.invalid(_("This JSON is nested more than %(depth)d levels deep.") % {"depth": DEPTH_MAX})
    try:
        body = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except refusals.Refusal:
        raise
    except (ValueError, RecursionError):
        raise refusals.invalid(_("The body is not valid JSON in UTF-8.")) from None
    if not isinstance(body, dict):
        raise refusals.invalid(_("The body must be a JSON object."))
    for text in _strings(body):
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise refusals.invalid(_("Text may not hold NUL characters or halves of surrogate pairs."))
    return body


def parse_query(raw: str) -> dict[str, list[str]]:
    """The query string; refuses NUL, which databases do not store, and absurd lengths."""
    if len(raw) > 16_384:
        raise refusals.too_large(_("The address is too long. Send the search as a POST."))
    query = parse_qs(raw, keep_blank_values=True)
    if any("\x00" in value for values in query.values() for value in values):
        raise refusals.invalid(_("Text may not hold NUL characters or halves of surrogate pairs."))
    return query


_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[\]{}]")


def _depth(raw: bytes) -> int:
    """Deepest nesting, counted without building anything; brackets inside strings do not count."""
    deepest = depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", raw)):
        depth += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _no_constant(name: str) -> float:
    raise refusals.invalid(_("%(value)s is not a number that can be stored. Leave such values out.") % {"value": name})


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise refusals.invalid(_("The field “%(name)s” is given twice.") % {"name": key[:80]})
        result[key] = value
    return result


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def field_of(body: Any, name: str) -> Any:
    """The value of a protobuf field under either spelling, or None; refuses two spellings in one object."""
    if not isinstance(body, dict):
        return None
    camel = _camel(name)
    if camel != name and camel in body and name in body:
        raise refusals.invalid(_("The field “%(name)s” is given twice.") % {"name": name})
    return body.get(name, body.get(camel))


def _items(body: Any, name: str) -> Iterable[dict[str, Any]]:
    found = field_of(body, name)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise refusals.invalid(_("“%(name)s” must be a list of objects.") % {"name": name})
    return found


def _text(body: Any, name: str) -> str:
    """A text field, empty when absent; refuses other types."""
    found = field_of(body, name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise refusals.invalid(_("“%(name)s” must be text.") % {"name": name})
    return found


# --- names -----------------------------------------------------------------------------------------------------------
def check_name(name: str, *, longest: int = NAME_MAX_CHARS) -> None:
    """Refuse a name that cannot be shown safely: control, direction-changing, invisible characters, blanks, lengths."""
    if any(unicodedata.category(character) in _INVISIBLE for character in name):
        raise refusals.invalid(_("A name may not hold control, direction-changing or invisible characters."))
    if not name.strip() or name != name.strip():
        raise refusals.invalid(_("A name may not be blank, nor begin or end with a space."))
    if len(name) > longest:
        raise refusals.invalid(_("A name may have at most %(count)d characters.") % {"count": longest})


def names(request: Request) -> None:
    """Every name in the body: of experiments, runs, tags, parameters and metrics, at the top and in lists."""
    for holder in (request.body, *_listed(request.body)):
        for name in _NAME_FIELDS:
            if text := _text(holder, name):
                check_name(text)
        if _text(holder, "key") in _NAME_TAGS and (value := _text(holder, "value")):
            check_name(value)


def _listed(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("tags", "params", "metrics"):
        yield from _items(body, name)


def model_name(request: Request) -> None:
    """A registered model's name: short, whole (NFC), without escapes or path parts."""
    names(request)
    name = _text(request.body, "name")
    check_name(name, longest=REGISTERED_NAME_MAX_CHARS)
    if unicodedata.normalize("NFC", name) != name or unquote(name) != name or set(name) <= {"."}:
        raise refusals.invalid(_("A model's name may not hold escapes, loose accents or only dots."))


def alias(request: Request) -> None:
    """An alias that a person with `tracking.manage` may move: not one that stands for a decision of a release."""
    text = _text(request.body, "alias")
    check_name(text, longest=REGISTERED_NAME_MAX_CHARS)
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded in PROTECTED_ALIASES or folded.startswith(PROTECTED_ALIAS_PREFIXES):
        raise refusals.denied(_("The alias “%(alias)s” is given by a release, not by hand.") % {"alias": text})


# --- ids that must belong here ---------------------------------------------------------------------------------------
def one_run_id(request: Request) -> None:
    """`run_id` and its old name `run_uuid` must agree, in body and query: MLflow takes whichever it likes."""
    run_ids = {_text(request.body, "run_id"), _text(request.body, "run_uuid")}
    for name in ("run_id", "run_uuid"):
        run_ids.update(request.query.get(name, []))
    if len(run_ids - {""}) > 1:
        raise refusals.invalid(_("run_id and run_uuid name different runs. Send one of them."))


def own_models(request: Request) -> None:
    """Each `model_id` in the body belongs to this project: MLflow would write on a foreign one as well."""
    holders = (request.body, *_items(request.body, "metrics"), *_items(request.body, "models"))
    for model_id in {_text(holder, "model_id") for holder in holders} - {""}:
        _require_model(request, model_id)


def same_model(request: Request) -> None:
    """The body speaks of the model in the path: for some requests MLflow obeys the body and forgets the path."""
    named = field_of(request.body, "model_id")
    if named is not None and named != request.variables["model_id"]:
        raise refusals.invalid(_("The address and the body name different models."))


def own_source_run(request: Request) -> None:
    """The run that a logged model says it comes from belongs to this project."""
    if run_id := _text(request.body, "source_run_id"):
        _require_run(request, run_id)


def run_of_caller(request: Request) -> None:
    """What a job measured is written by that job; people write on runs of their own."""
    run_id = _text(request.body, "run_id") or _text(request.body, "run_uuid")
    _require_owner(request, request.workspace.run_owner(run_id) if _RUN_ID.fullmatch(run_id) else None)


def batch_of_caller(request: Request) -> None:
    """Like `run_of_caller` for a batch, which may hold nothing but tags: remarks on a job's run are welcome."""
    if field_of(request.body, "metrics") or field_of(request.body, "params"):
        run_of_caller(request)


def model_of_caller(request: Request) -> None:
    """A job's logged model is finished and described by that job."""
    _require_owner(request, request.workspace.model_owner(request.variables["model_id"]))


def name_of_caller(request: Request) -> None:
    """The names under which jobs register are theirs: nobody adds to such a model, takes from it, or takes its name."""
    if not request.job_id and _NAME_OF_JOBS.fullmatch(_text(request.body, "name")):
        raise refusals.denied(_("A job's run and model are written by the job alone. Use a run of your own."))


def file_of_caller(request: Request) -> None:
    """What a job stored stays stored."""
    owner = artifact_owner(request.variables["path"], request.project)
    run_id, model_id = owner["run_id"], owner["model_id"]
    _require_owner(request, request.workspace.run_owner(run_id) if run_id else request.workspace.model_owner(model_id))


def _require_owner(request: Request, owner: str | None) -> None:
    """Absent things pass: MLflow says so itself."""
    if owner is not None and owner != request.job_id:
        raise refusals.denied(_("A job's run and model are written by the job alone. Use a run of your own."))


def new_tags(request: Request) -> None:
    """Tags of something new. Those under `tandem.` tell which job made it: jobs set them, and only their own name."""
    _check_tags(request, allowed_job=request.job_id)


def later_tags(request: Request) -> None:
    """Tags of something that is there: whose it is does not change any more."""
    _check_tags(request, allowed_job="")


def _check_tags(request: Request, *, allowed_job: str) -> None:
    given = [(_text(tag, "key"), _text(tag, "value")) for tag in _items(request.body, "tags")]
    given.append((_text(request.body, "key"), _text(request.body, "value")))
    given.append((request.variables.get("tag_key", ""), ""))
    for key, value in given:
        if not key.strip().casefold().startswith(RESERVED_TAGS):
            continue
        if not request.job_id or (key == TAG_JOB and value != (allowed_job or None)):
            raise refusals.denied(_("Tags that begin with “tandem.” are set by Tandem."))


def _require_model(request: Request, model_id: str) -> None:
    if not _MODEL_ID.fullmatch(model_id) or request.workspace.model_owner(model_id) is None:
        raise refusals.missing(_("This project has no such logged model."))


def _is_ready(request: Request, model_id: str) -> bool:
    status = request.workspace.model_status(model_id)
    if status is None:
        raise refusals.missing(_("This project has no such logged model."))
    return status == "READY"


def _require_run(request: Request, run_id: str) -> None:
    if not _RUN_ID.fullmatch(run_id) or request.workspace.run_owner(run_id) is None:
        raise refusals.missing(_("This project has no such run."))


def own_source(request: Request) -> None:
    """A model version comes from a run or logged model of this project, and from nowhere else."""
    check_name(_text(request.body, "name"), longest=REGISTERED_NAME_MAX_CHARS)
    run_id, model_id = _text(request.body, "run_id"), _text(request.body, "model_id")
    if run_id:
        _require_run(request, run_id)
    if model_id:
        _require_model(request, model_id)
    source = _text(request.body, "source")
    scheme, _colon, path = source.partition(":/")
    parts = path.split("/")
    plain = unquote(source) == source and not re.search(r"[\\?#;\x00-\x20]", path.replace(" ", ""))
    if not plain or {"", ".", ".."} & set(parts):
        raise _bad_source()
    if scheme == "runs":
        _require_run(request, parts[0])
    elif scheme == "models":
        if _MODEL_ID.fullmatch(parts[0]):
            _require_model(request, parts[0])
    elif scheme == "mlflow-artifacts":
        # What the stock client makes of runs:/… when the files lie in the run; MLflow checks that they are inside it.
        if not run_id or parts[:2] != ["workspaces", request.project] or parts[3:5] != [run_id, "artifacts"]:
            raise _bad_source()
    else:
        raise _bad_source()


def _bad_source() -> refusals.Refusal:
    return refusals.invalid(_("A model version must come from runs:/… or models:/… of this project."))


def no_artifact_location(request: Request) -> None:
    """Where files lie is decided by the installation."""
    if field_of(request.body, "artifact_location"):
        raise refusals.invalid(_("artifact_location cannot be chosen. Leave it out; files are kept with the project."))


def stays_ready(request: Request) -> None:
    """A finished logged model stays finished: otherwise its files could be exchanged under a registered version."""
    if _is_ready(request, request.variables["model_id"]) and field_of(request.body, "status") not in (
        "LOGGED_MODEL_READY",
        2,
    ):
        message = _("This logged model is finished and stays so. Log a new one.")
        raise refusals.Refusal(409, refusals.CONFLICT, message)


# --- metrics ---------------------------------------------------------------------------------------------------------
def metric(request: Request) -> None:
    """The one metric of log-metric: a finite value, a step and a time that fit."""
    _check_metric(request.body)


def metrics(request: Request) -> None:
    """The metrics of log-batch, each like `metric`."""
    for item in _items(request.body, "metrics"):
        _check_metric(item)


def _check_metric(item: dict[str, Any]) -> None:
    name = str(field_of(item, "key"))[:80]
    value = field_of(item, "value")
    try:
        number = float("nan") if isinstance(value, bool) else float(value if value is not None else 0)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        message = _("The value of “%(name)s” is not a finite number. Leave such values out.")
        raise refusals.invalid(message % {"name": name})
    _check_whole(field_of(item, "step"), 0, STEP_MAX, _("The step of “%(name)s” must be between 0 and 2^53 - 1."), name)
    message = _("The timestamp of “%(name)s” must be milliseconds since 1970, before the year 10000.")
    _check_whole(field_of(item, "timestamp"), 0, TIMESTAMP_MAX_MS, message, name)


def _check_whole(value: Any, least: int, most: int, message: str, name: str) -> None:
    if value is None:
        return
    try:
        number = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else math.nan
        if isinstance(value, float) and value.is_integer():
            number = int(value)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise refusals.invalid(message % {"name": name})


# --- files -----------------------------------------------------------------------------------------------------------
_OWNER: Final = re.compile(r"[0-9]{1,20}/(?:(?P<run_id>[0-9a-f]{32})|models/(?P<model_id>m-[0-9a-f]{32}))/artifacts")


def artifact_owner(path: str, project: str) -> re.Match[str]:
    """Whose files the path names: `<experiment>/<run>/artifacts…` or `<experiment>/models/<model>/artifacts…`."""
    inside = path.removeprefix(f"workspaces/{project}/")
    owner = _OWNER.match(inside)
    if owner is None or inside[owner.end() : owner.end() + 1] not in ("", "/"):
        raise refusals.missing(_("This project has no such file."))
    return owner


def check_path(path: str) -> None:
    """Refuse a path that could mean another one when read again: dots, doubled slashes, escapes, odd characters."""
    parts = path.split("/")
    if {"", ".", ".."} & set(parts) or unquote(path) != path or re.search(r"[\\?#;:]", path):
        raise refusals.invalid(_("This path is not accepted: use plain names separated by single slashes."))
    for part in parts:
        check_name(part)
    if len(path) > 1000 or any(len(part.encode()) > 200 for part in parts):
        raise refusals.invalid(_("This path is too long."))


def artifact_path(request: Request) -> None:
    """A file of a run or logged model of this project."""
    path = request.variables["path"]
    check_path(path)
    artifact_owner(path, request.project)


def listed_path(request: Request) -> None:
    """A folder of a run or logged model of this project."""
    paths = request.query.get("path", [])
    if len(paths) != 1:
        raise refusals.missing(_("This project has no such file."))
    check_path(paths[0].rstrip("/"))
    artifact_owner(paths[0].rstrip("/"), request.project)


def new_file(request: Request) -> None:
    """Files of a finished model never change: versions and releases rest on them. Nobody else writes a job's."""
    owner = artifact_owner(request.variables["path"], request.project)
    if owner["run_id"]:
        _require_owner(request, request.workspace.run_owner(owner["run_id"]))
    elif _is_ready(request, owner["model_id"]):
        message = _("This logged model is finished; its files do not change any more. Log a new one.")
        raise refusals.Refusal(409, refusals.CONFLICT, message)
    else:
        _require_owner(request, request.workspace.model_owner(owner["model_id"]))


CHECKS: Final[dict[str, Callable[[Request], None]]] = {
    check.__name__: check
    for check in (
        names,
        model_name,
        alias,
        one_run_id,
        own_models,
        same_model,
        run_of_caller,
        model_of_caller,
        batch_of_caller,
        name_of_caller,
        file_of_caller,
        new_tags,
        later_tags,
        own_source_run,
        own_source,
        no_artifact_location,
        stays_ready,
        metric,
        metrics,
        artifact_path,
        listed_path,
        new_file,
    )
}
