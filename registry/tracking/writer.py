"""Writes a job's run into MLflow through the gate, with the stock client. For the supervisor, one writer per process.

The engine's events file is the spool: the caller keeps the offset up to which a call succeeded and goes on from there.
Everything here may be repeated, after an outage or after the supervisor itself was killed: runs, models and versions
are found again by the job that made them, and MLflow drops a metric that it already has (same key, step, time, value).
"""

import hashlib
import json
import logging
import math
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from registry.tracking import server_env
from registry.tracking.job_token import TAG_JOB

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

TAG_FENCE: Final = "tandem.fence"
TAG_PACKAGE: Final = "tandem.package"
TAG_NONFINITE: Final = "tandem.nonfinite."
BATCH_METRICS: Final = 1000  # MLflow's limits of one log-batch
BATCH_PARAMS: Final = 100
PARAM_MAX_CHARS: Final = 6000
TAG_MAX_CHARS: Final = 8000
DIGEST_MAX_CHARS: Final = 36
BACKOFF_MAX_S: Final = 60.0
REQUEST_TIMEOUT_S: Final = 30

RunStatus = Literal["FINISHED", "FAILED", "KILLED"]


class TrackingError(Exception):
    """Something could not be written to MLflow."""


class TrackingUnavailable(TrackingError):  # noqa: N818 - a state of the outside, waited for rather than mended
    """MLflow or the gate does not answer. Nothing is lost: call again, not before `retry_in_s` seconds."""

    def __init__(self, retry_in_s: float) -> None:
        super().__init__(f"tracking does not answer; next try in {retry_in_s:.0f} s")
        self.retry_in_s = retry_in_s


class SupersededError(TrackingError):
    """A newer attempt of the job has taken over: stop at once."""


class TrackingRefusedError(TrackingError, ValueError):
    """The gate or MLflow refuses what was sent; repeating it will not help. The text is theirs."""


@dataclass(frozen=True)
class Metric:
    """One value of a curve, with the time at which it was measured (milliseconds since 1970)."""

    key: str
    value: float
    step: int
    timestamp_ms: int


@dataclass(frozen=True)
class LoggedModelRef:
    """Where a model went: its files (`model_id`), its number in the registry, the run it came from."""

    model_id: str
    version: int
    run_id: str


class RunWriter:
    """One job, as one MLflow run.

    `tracking_uri` is the gate with the project: http://…/mlflow/<slug>. `token` is a job token, or a function that
    gives a fresh one (it is asked before each call). The stock client takes its settings from the environment, so these
    are set while the writer lives; `close` puts the old ones back. Children started meanwhile must not inherit them.
    """

    def __init__(
        self, tracking_uri: str, token: str | Callable[[], str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._uri, self._clock = tracking_uri, clock
        self._token = token if callable(token) else lambda: token
        self._known_client: MlflowClient | None = None
        self._failures = 0
        self._retry_at = -math.inf
        self._run_id = self._experiment_id = ""
        self._identity: dict[str, str] = {}
        self._flagged: set[str] = set()
        self._before: dict[str, str | None] = {}
        self._set_env(
            server_env.client_env()
            | {
                "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # the caller's loop must not be held; see _guarded
                "MLFLOW_HTTP_REQUEST_TIMEOUT": str(REQUEST_TIMEOUT_S),
                "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
                "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
                "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
            }
        )

    @property
    def run_id(self) -> str:
        """The run's id, empty before `start_run` succeeded."""
        return self._run_id

    def close(self) -> None:
        """Give the environment back. The run stays as it is."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before.clear()

    def __enter__(self) -> "RunWriter":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- verbs -------------------------------------------------------------------------------------------------------
    def start_run(
        self,
        *,
        experiment: str,
        run_name: str,
        job_id: str,
        fence: int | None = None,
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, object] | None = None,
    ) -> str:
        """Begin the job's run, or find it again; returns its id. With a `fence`, each attempt has a run of its own.

        Raises TrackingError, and ValueError for a job_id that is no plain identifier.
        """
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", job_id):
            raise ValueError("job_id must be a plain identifier")
        self._identity = {TAG_JOB: job_id} | ({} if fence is None else {TAG_FENCE: str(fence)})
        with self._guarded() as client:
            self._experiment_id = self._experiment(client, experiment)
            found = client.search_runs([self._experiment_id], _having(self._identity), max_results=1)
            if found:
                self._run_id = found[0].info.run_id
                if found[0].info.status != "RUNNING":
                    client.update_run(self._run_id, status="RUNNING")
            else:
                made = client.create_run(self._experiment_id, run_name=run_name, tags=self._tags(tags))
                self._run_id = made.info.run_id
            self._log_params(client, params or {})
        return self._run_id

    def end_earlier_runs(self) -> int:
        """Close the runs that earlier attempts of the job left open; returns how many. Raises TrackingError."""
        with self._guarded() as client:
            mine = _having({TAG_JOB: self._identity[TAG_JOB]}) + " and attributes.status = 'RUNNING'"
            left = [r for r in client.search_runs([self._experiment_id], mine) if r.info.run_id != self._run_id]
            for run in left:
                client.set_terminated(run.info.run_id, "KILLED")
        return len(left)

    def log_metrics(self, points: Iterable[Metric]) -> int:
        """Send points of curves; returns how many. Sending the same ones again changes nothing.

        A value that is not finite cannot be kept: its first occurrence becomes a tag of the run. Raises TrackingError.
        """
        from mlflow import entities

        sent = 0
        for batch in _batches(points, BATCH_METRICS):
            finite = [point for point in batch if math.isfinite(point.value)]
            tags = [entities.RunTag(key, value) for key, value in self._flags(batch)]
            metrics = [entities.Metric(point.key, point.value, point.timestamp_ms, point.step) for point in finite]
            if not metrics and not tags:
                continue
            with self._guarded() as client:
                client.log_batch(self._run_id, metrics=metrics, tags=tags)
            self._flagged.update(tag.key for tag in tags)
            sent += len(finite)
        return sent

    def log_dataset(
        self,
        *,
        name: str,
        digest: str,
        source: str,
        profile: Mapping[str, object] | None = None,
        context: str = "training",
    ) -> None:
        """Say on what the run trained: name and digest of an immutable version, where it is, what is in it."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(
            name=name[:500],
            digest=digest[:DIGEST_MAX_CHARS],
            source_type="tandem",
            source=source,
            profile=json.dumps(profile, ensure_ascii=False) if profile else None,
        )
        with self._guarded() as client:
            client.log_inputs(self._run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])

    def log_text(self, text: str, path: str) -> None:
        """Keep a text with the run, under `path`; an older one there is replaced."""
        with self._guarded() as client:
            client.log_text(self._run_id, text, path)

    def fetch_model(self, model_id: str, into: Path) -> None:
        """Copy the files of a logged model of the project into a folder. Raises TrackingError.

        They are what MLflow has: the caller compares them with the manifest that was registered.
        """
        import mlflow

        # An address of a model is looked up where the environment says, whatever the call says.
        self._set_env({"MLFLOW_TRACKING_URI": self._uri, "MLFLOW_REGISTRY_URI": self._uri})
        with self._guarded():
            mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=str(into), tracking_uri=self._uri)

    def end_run(self, status: RunStatus, *, ended_at_ms: int | None = None) -> None:
        """Close the run. Closing it again, or with another status, is no error."""
        with self._guarded() as client:
            client.set_terminated(self._run_id, status, ended_at_ms)

    def log_model(
        self,
        package_dir: Path,
        name: str,
        registered_name: str,
        *,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        step: int = 0,
    ) -> LoggedModelRef:
        """Store a finished package and register it as a new version of `registered_name`.

        Cheap: no pickle, no guessing of requirements; one request per file and a handful more. After a crash in the
        middle the same call goes on where it stopped and gives the same version. `metrics` are the final ones, shown
        with the model. Raises TrackingError; SupersededError before anything is registered by an old attempt.
        """
        files = sorted(path for path in package_dir.rglob("*") if path.is_file())
        if not files:
            raise TrackingRefusedError(f"there are no files in the package {package_dir.name}")
        tags = {**(tags or {}), TAG_PACKAGE: _digest(package_dir, files)}
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus
        from mlflow.entities import Metric as StockMetric

        with self._guarded() as client:
            model = self._logged_model(client, name, params or {}, tags)
            if model.status != LoggedModelStatus.READY:
                for path in files:
                    folder = path.parent.relative_to(package_dir).as_posix()
                    client.log_model_artifact(model.model_id, str(path), None if folder == "." else folder)
                client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
            outputs = client.get_run(self._run_id).outputs
            if model.model_id not in [known.model_id for known in (outputs.model_outputs if outputs else [])]:
                client.log_outputs(self._run_id, [LoggedModelOutput(model.model_id, step=step)])
            final = [
                # The model's own time makes sending them again a no-op.
                StockMetric(key, value, model.creation_timestamp, step, model_id=model.model_id, run_id=self._run_id)
                for key, value in (metrics or {}).items()
                if math.isfinite(value)
            ]
            for batch in _batches(final, BATCH_METRICS):
                client.log_batch(self._run_id, metrics=batch)
            version = self._version(client, registered_name, model.model_id, tags)
        return LoggedModelRef(model.model_id, version, self._run_id)

    # --- parts -------------------------------------------------------------------------------------------------------
    def _experiment(self, client: "MlflowClient", name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(client.create_experiment(name))
            except MlflowException as fault:
                if fault.error_code != "RESOURCE_ALREADY_EXISTS":  # another job of the project was faster
                    raise
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _logged_model(
        self, client: "MlflowClient", name: str, params: Mapping[str, object], tags: Mapping[str, str]
    ) -> Any:
        from mlflow.entities import LoggedModelStatus

        # The same files of the same job are the same model; other files, after a resume, are another one.
        mine = _having(self._identity | {TAG_PACKAGE: tags[TAG_PACKAGE]})
        found = client.search_logged_models([self._experiment_id], mine, max_results=50)
        for model in found:
            if model.name == name and model.status != LoggedModelStatus.FAILED:
                return model
        return client.create_logged_model(
            self._experiment_id,
            name=name,
            source_run_id=self._run_id,
            tags=self._tags(tags),
            params={key: _param(value) for key, value in params.items()},
        )

    def _version(
        self, client: "MlflowClient", registered_name: str, model_id: str, tags: Mapping[str, str] | None
    ) -> int:
        from mlflow.exceptions import MlflowException

        try:
            client.create_registered_model(registered_name)
        except MlflowException as fault:
            if fault.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"models:/{model_id}"
        for known in client.search_model_versions(f"run_id = '{self._run_id}'", max_results=200):
            if known.name == registered_name and known.source == source:
                return int(known.version)
        made = client.create_model_version(
            registered_name,
            source,
            run_id=self._run_id,
            tags=self._tags(tags),
            await_creation_for=0,
            model_id=model_id,
        )
        return int(made.version)

    def _log_params(self, client: "MlflowClient", params: Mapping[str, object]) -> None:
        from mlflow.entities import Param

        for batch in _batches([Param(key, _param(value)) for key, value in params.items()], BATCH_PARAMS):
            client.log_batch(self._run_id, params=batch)

    def _flags(self, points: Sequence[Metric]) -> Iterator[tuple[str, str]]:
        told: set[str] = set()
        for point in points:
            key = TAG_NONFINITE + point.key
            if not math.isfinite(point.value) and key not in self._flagged | told:
                told.add(key)
                yield key, f"{point.value} at step {point.step}"

    def _tags(self, tags: Mapping[str, str] | None) -> dict[str, str]:
        return {key: str(value)[:TAG_MAX_CHARS] for key, value in (tags or {}).items()} | self._identity

    # --- the client, its environment, and outages --------------------------------------------------------------------
    def _set_env(self, variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            self._before.setdefault(name, os.environ.get(name))
            os.environ[name] = value

    def _client(self) -> "MlflowClient":
        if self._known_client is None:
            # Here and not above: it costs seconds and 170 MB, which only a supervisor pays.
            from mlflow import MlflowClient

            self._known_client = MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
        return self._known_client

    @contextmanager
    def _guarded(self) -> "Iterator[MlflowClient]":
        """The client with a fresh token; its faults sorted into ours. During an outage it is not even asked."""
        waiting_s = self._retry_at - self._clock()
        if waiting_s > 0:
            raise TrackingUnavailable(waiting_s)
        client = self._client()
        self._set_env({"MLFLOW_TRACKING_TOKEN": self._token()})
        import requests
        from mlflow.exceptions import MlflowException, RestException

        try:
            yield client
        except RestException as fault:
            raise self._sorted(fault.get_http_status_code(), fault.error_code, str(fault)) from fault
        except requests.HTTPError as fault:
            reply = fault.response
            code, text = _explained(reply)
            raise self._sorted(reply.status_code if reply is not None else 503, code, text) from fault
        except requests.RequestException as fault:
            raise self._down() from fault
        except MlflowException as fault:
            if str(fault).startswith("API request to"):  # the client's wrapping of every fault of the network
                raise self._down() from fault
            raise TrackingRefusedError(str(fault)) from fault
        else:
            self._failures = 0

    def _sorted(self, status: int, code: str, text: str) -> TrackingError:
        if code == "ABORTED":
            return SupersededError(text)
        if status in (408, 429) or status >= 500:
            return self._down()
        return TrackingRefusedError(text)

    def _down(self) -> TrackingUnavailable:
        self._failures += 1
        wait_s = min(BACKOFF_MAX_S, 2.0 ** min(self._failures - 1, 10))
        self._retry_at = self._clock() + wait_s
        job = self._identity.get(TAG_JOB, "")
        logger.warning("tracking.down job=%s failures=%s next_try_s=%s", job, self._failures, wait_s)
        return TrackingUnavailable(wait_s)


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _having(tags: Mapping[str, str]) -> str:
    """A search for what carries these tags. Keys and values are identifiers of ours, never free text."""
    return " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())


def _digest(package_dir: Path, files: Sequence[Path]) -> str:
    """sha256 over the names and contents of the files, in order."""
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as handle:
            one = hashlib.file_digest(handle, "sha256").hexdigest()
        total.update(f"{one}  {path.relative_to(package_dir).as_posix()}\n".encode())
    return total.hexdigest()


def _param(value: object) -> str:
    return str(value)[:PARAM_MAX_CHARS]


def _explained(reply: Any) -> tuple[str, str]:
    """MLflow's code and sentence in a refused file transfer."""
    try:
        body = reply.json()
        return str(body.get("error_code", "")), str(body.get("message", ""))
    except (AttributeError, ValueError):
        return "", "the file was not taken"
