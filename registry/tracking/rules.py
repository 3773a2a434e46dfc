"""What may pass the gate: a closed list of (method, path), each with the word that opens it. All else is refused.

Paths are those of MLflow's REST interface without the project prefix. `{model_id}`, `{tag_key}` and `{path}` are the
only variables. A test walks MLflow's own routes: each is in this list or refused, and each line here is really served.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

READ: Final = "tracking.read"
WRITE: Final = "tracking.write"
MANAGE: Final = "tracking.manage"
NOBODY: Final = ""

_SEGMENTS: Final = {
    "{model_id}": r"(?P<model_id>m-[0-9a-f]{32})",
    "{tag_key}": r"(?P<tag_key>[^/]{1,250})",
    "{path}": r"(?P<path>.+)",
}
_API = "/api/2.0/mlflow"
_FILES = "/api/2.0/mlflow-artifacts"


@dataclass(frozen=True)
class Rule:
    """One line. `checks` name functions of `inspection`; `refusal` is said to whoever calls a NOBODY line.

    `act` is the verb under which a success enters the project's history: every MANAGE line has one.
    """

    method: str
    template: str
    word: str
    checks: tuple[str, ...] = ()
    body: str = "json"  # json · file (a streamed artifact) · none
    answered_here: bool = False  # the gate answers by itself; MLflow is not asked
    refusal: str | Promise = ""
    act: str = ""


@dataclass(frozen=True)
class Match:
    """A rule and the variables of the path that met it."""

    rule: Rule
    variables: dict[str, str]


_NO_RENAME = _(
    "A registered model keeps its name, because datasets, cards and agreements refer to it. Register a new one."
)
_NO_STAGES = _("Stages are deprecated by MLflow. Use an alias.")
_NO_PRESIGNED = _(
    "Addresses that outlive your access are not given out. Upload and download through this address instead."
)


def _get(path: str, word: str = READ, *checks: str, prefix: str = _API, **more: object) -> Rule:
    return Rule("GET", prefix + path, word, checks, body="none", **more)  # type: ignore[arg-type]


def _post(path: str, word: str, *checks: str, prefix: str = _API, method: str = "POST", **more: object) -> Rule:
    return Rule(method, prefix + path, word, checks, **more)  # type: ignore[arg-type]


def _patch(path: str, word: str, *checks: str) -> Rule:
    return _post(path, word, *checks, method="PATCH")


def _delete(path: str, word: str, *checks: str, **more: object) -> Rule:
    # MLflow reads the body of a DELETE, so it is inspected and forwarded like any other.
    return _post(path, word, *checks, method="DELETE", **more)


RULES: Final[tuple[Rule, ...]] = (
    # experiments
    _get("/experiments/get-by-name"),
    _post("/experiments/create", WRITE, "no_artifact_location", "names", "new_tags"),
    _post("/experiments/search", READ),
    _get("/experiments/search"),
    _get("/experiments/get"),
    _post("/experiments/delete", MANAGE, act="tracking.delete_experiment"),
    _post("/experiments/restore", MANAGE, act="tracking.restore_experiment"),
    _post("/experiments/update", WRITE, "names"),
    _post("/experiments/set-experiment-tag", WRITE, "names", "later_tags"),
    _post("/experiments/delete-experiment-tag", WRITE, "later_tags"),
    # runs
    _post("/runs/create", WRITE, "names", "new_tags"),
    _post("/runs/update", WRITE, "names", "one_run_id", "run_of_caller"),
    _post("/runs/delete", MANAGE, "one_run_id", "run_of_caller", act="tracking.delete_run"),
    _post("/runs/restore", MANAGE, act="tracking.restore_run"),
    _post("/runs/log-metric", WRITE, "names", "one_run_id", "metric", "own_models", "run_of_caller"),
    _post("/runs/log-parameter", WRITE, "names", "one_run_id", "run_of_caller"),
    _post("/runs/set-tag", WRITE, "names", "one_run_id", "later_tags"),
    _post("/runs/delete-tag", WRITE, "later_tags"),
    _get("/runs/get", READ, "one_run_id"),
    _post("/runs/search", READ),
    _post("/runs/log-batch", WRITE, "names", "metrics", "own_models", "batch_of_caller", "later_tags"),
    _post("/runs/log-model", WRITE, "run_of_caller"),
    _post("/runs/log-inputs", WRITE, "own_models", "run_of_caller"),
    _post("/runs/outputs", WRITE, "own_models", "run_of_caller"),
    _get("/artifacts/list", READ, "one_run_id"),
    _get("/metrics/get-history", READ, "one_run_id"),
    _get("/metrics/get-history-bulk-interval"),
    # logged models
    _post("/logged-models", WRITE, "names", "own_source_run", "new_tags"),
    _post("/logged-models/search", READ),
    _get("/logged-models/{model_id}"),
    _patch("/logged-models/{model_id}", WRITE, "same_model", "stays_ready", "model_of_caller"),
    _delete("/logged-models/{model_id}", MANAGE, "same_model", "model_of_caller", act="tracking.delete_logged_model"),
    _patch("/logged-models/{model_id}/tags", WRITE, "same_model", "names", "later_tags"),
    _delete("/logged-models/{model_id}/tags/{tag_key}", WRITE, "same_model", "later_tags"),
    _get("/logged-models/{model_id}/artifacts/directories"),
    _post("/logged-models/{model_id}/params", WRITE, "same_model", "names", "model_of_caller"),
    # registry
    _post("/registered-models/create", WRITE, "model_name", "name_of_caller", "new_tags"),
    _post("/registered-models/rename", NOBODY, refusal=_NO_RENAME),
    _patch("/registered-models/update", WRITE),
    _delete("/registered-models/delete", MANAGE, "name_of_caller", act="tracking.delete_registered_model"),
    _get("/registered-models/get"),
    _get("/registered-models/search"),
    _post("/registered-models/get-latest-versions", READ),
    _get("/registered-models/get-latest-versions"),
    _post("/registered-models/set-tag", WRITE, "names", "later_tags"),
    _delete("/registered-models/delete-tag", WRITE, "later_tags"),
    _post("/registered-models/alias", MANAGE, "alias", act="tracking.set_alias"),
    _delete("/registered-models/alias", MANAGE, "alias", act="tracking.remove_alias"),
    _get("/registered-models/alias"),
    _post("/model-versions/create", WRITE, "own_source", "name_of_caller", "new_tags"),
    _patch("/model-versions/update", WRITE),
    _post("/model-versions/transition-stage", NOBODY, refusal=_NO_STAGES),
    _delete("/model-versions/delete", MANAGE, "name_of_caller", act="tracking.delete_model_version"),
    _get("/model-versions/get"),
    _get("/model-versions/search"),
    _get("/model-versions/get-download-uri"),
    _post("/model-versions/set-tag", WRITE, "names", "later_tags"),
    _delete("/model-versions/delete-tag", WRITE, "later_tags"),
    # files, streamed
    _get("/artifacts/{path}", READ, "artifact_path", prefix=_FILES),
    _get("/artifacts", READ, "listed_path", prefix=_FILES),
    _post("/artifacts/{path}", WRITE, "artifact_path", "new_file", prefix=_FILES, method="PUT", body="file"),
    _delete("/artifacts/{path}", MANAGE, "artifact_path", "file_of_caller", prefix=_FILES, act="tracking.delete_files"),
    # A pre-signed address would pass neither the content check nor the end of somebody's access.
    _post("/artifacts/presigned-upload-url", NOBODY, refusal=_NO_PRESIGNED),
    _post("/artifacts/presigned-download-url", NOBODY, refusal=_NO_PRESIGNED),
    _post("/mpu/create/{path}", NOBODY, prefix=_FILES, refusal=_NO_PRESIGNED),
    _post("/mpu/complete/{path}", NOBODY, prefix=_FILES, refusal=_NO_PRESIGNED),
    _post("/mpu/abort/{path}", NOBODY, prefix=_FILES, refusal=_NO_PRESIGNED),
    _get("/presigned/{path}", NOBODY, prefix=_FILES, refusal=_NO_PRESIGNED),
    # what the client asks about the server
    _get("/version", READ, prefix=""),
    _get("/health", READ, prefix=""),
    _get("/server-info", READ, prefix="/api/3.0/mlflow", answered_here=True),
)


@lru_cache(maxsize=1)
def _compiled() -> tuple[dict[tuple[str, str], Rule], tuple[tuple[str, re.Pattern[str], Rule], ...]]:
    exact: dict[tuple[str, str], Rule] = {}
    patterns: list[tuple[str, re.Pattern[str], Rule]] = []
    for rule in RULES:
        if "{" not in rule.template:
            exact[rule.method, rule.template] = rule
            continue
        pattern = re.escape(rule.template)
        for name, regex in _SEGMENTS.items():
            pattern = pattern.replace(re.escape(name), regex)
        patterns.append((rule.method, re.compile(pattern), rule))
    return exact, tuple(patterns)


def find(method: str, path: str) -> Match | None:
    """The line that this request meets, or None: refuse. `path` is decoded once and begins with a slash."""
    exact, patterns = _compiled()
    if rule := exact.get((method, path)):
        return Match(rule, {})
    for known_method, pattern, rule in patterns:
        if known_method == method and (met := pattern.fullmatch(path)):
            return Match(rule, met.groupdict())
    return None
