"""MLflow behind the gate: inside this process, or a separate server beside it. Same questions, same answers."""

import io
import json
import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote, urlsplit

import requests
from django.conf import settings

from registry.tracking import server_env
from registry.tracking.job_token import TAG_JOB

WORKSPACE_HEADER = "X-MLFLOW-WORKSPACE"
CHUNK_BYTES = 1024 * 1024
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 300

logger = logging.getLogger(__name__)


class UpstreamDownError(Exception):
    """MLflow could not be reached, or died while answering."""


@dataclass
class Answer:
    """What MLflow said. `chunks` is read once; call `close` when it is not read to its end."""

    status: int
    headers: list[tuple[str, str]]
    chunks: Iterable[bytes]

    def close(self) -> None:
        """Free the connection or file behind the answer."""
        closer = getattr(self.chunks, "close", None)
        if closer is not None:
            closer()

    def read(self) -> bytes:
        """The whole body; only for answers known to be small."""
        try:
            return b"".join(self.chunks)
        finally:
            self.close()

    def json(self) -> Any:
        """The body as JSON, or {} when it is none."""
        try:
            return json.loads(self.read())
        except ValueError:
            return {}


@dataclass(frozen=True)
class Question:
    """A request to MLflow. `path` is decoded; `headers` are already reduced to those that may pass."""

    method: str
    path: str
    workspace: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: BinaryIO | io.RawIOBase | None = None
    length: int = 0


class Upstream(Protocol):
    """Either of the two below."""

    def ask(self, question: Question) -> Answer:
        """Send and return as soon as the headers are there. Raises UpstreamDownError."""


class InProcess:
    """MLflow's own WSGI application, called directly: no second server, no copy of the bytes."""

    def __init__(self, *, store: str, artifacts: str) -> None:
        if "://" not in artifacts:
            Path(artifacts).mkdir(parents=True, exist_ok=True)
        if store.startswith("sqlite:///"):
            Path(store.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        server_env.apply(server_env.server_env(store=store, artifacts=artifacts), os.environ)
        # Here and not above: importing MLflow takes seconds and 170 MB, and its server reads the environment set above.
        from mlflow.server import app

        self._app = app.wsgi_app

    def ask(self, question: Question) -> Answer:
        """Call the application; the answer's iterator ends its request when closed."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": question.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": question.path.encode().decode("latin-1"),
            "QUERY_STRING": question.query,
            "CONTENT_LENGTH": str(question.length),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost",
            "HTTP_X_MLFLOW_WORKSPACE": question.workspace,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": question.body or io.BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        for name, value in question.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        told: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            told[:] = [int(status.split()[0]), headers]
            return lambda data: None

        chunks = self._app(environ, start_response)
        return Answer(told[0], told[1], chunks)


class Remote:
    """A separate `mlflow server`, reached over HTTP with one kept connection per thread."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url.rstrip("/")
        self._prefix = urlsplit(self._base).path
        self._local = threading.local()

    def _session(self) -> requests.Session:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False  # no proxy or .netrc of the machine between the gate and its server
        return session

    def ask(self, question: Question) -> Answer:
        """Send over HTTP; bodies stream in both directions."""
        url = self._base + quote(question.path, safe="/") + (f"?{question.query}" if question.query else "")
        headers = {**question.headers, WORKSPACE_HEADER: question.workspace, "Accept-Encoding": "identity"}
        data = _Sized(question.body, question.length) if question.body is not None and question.length else b""
        try:
            reply = self._session().request(
                question.method,
                url,
                headers=headers,
                data=data,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            )
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as fault:
            raise UpstreamDownError from fault
        return Answer(reply.status_code, list(reply.headers.items()), _Body(reply))


class _Sized:
    """A stream with a length, so that `requests` sends Content-Length and reads piece by piece."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream, self._length = stream, length

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size if size and size > 0 else CHUNK_BYTES)


class _Body:
    """The bytes of a reply; closing it gives the connection back."""

    def __init__(self, reply: requests.Response) -> None:
        self._reply = reply

    def __iter__(self) -> Iterator[bytes]:
        yield from self._reply.iter_content(CHUNK_BYTES)

    def close(self) -> None:
        self._reply.close()


@lru_cache(maxsize=4)
def _make(address: str, store: str, artifacts: str) -> Upstream:
    return Remote(address) if address else InProcess(store=store, artifacts=artifacts)


def upstream() -> Upstream:
    """The one that the settings name; made on first use and kept."""
    return _make(settings.MLFLOW_UPSTREAM or "", settings.MLFLOW_STORE_URI, settings.MLFLOW_ARTIFACTS)


class Workspace:
    """One project's side of MLflow, for the gate's own questions. Answers that never change are remembered.

    Ids are random and never move to another workspace, and the gate lets nobody change whose something is, or unfinish
    what is finished. What is not there is asked again.
    """

    _owners: dict[tuple[str, str], str] = {}
    _ready: set[tuple[str, str]] = set()
    _REMEMBERED_MAX = 50_000

    def __init__(self, name: str, behind: Upstream) -> None:
        self.name, self._behind = name, behind

    def _get(self, path: str, query: str = "") -> tuple[int, Any]:
        answer = self._behind.ask(Question("GET", path, self.name, query, {"Accept": "application/json"}))
        if answer.status >= 500:
            answer.close()
            raise UpstreamDownError
        return answer.status, answer.json()

    def model_status(self, model_id: str) -> str | None:
        """READY, PENDING or FAILED; None when this workspace has no such logged model."""
        if (self.name, model_id) in self._ready:
            return "READY"
        status, body = self._get(f"/api/2.0/mlflow/logged-models/{model_id}")
        if status != 200:
            return None
        info = body.get("model", {}).get("info", {})
        self._remember(model_id, info.get("tags"))
        word = str(info.get("status", "")).removeprefix("LOGGED_MODEL_")
        if word == "READY":
            self._ready.add((self.name, model_id))
        return word

    def model_owner(self, model_id: str) -> str | None:
        """The job that made the logged model, "" when a person did, None when this workspace has no such model."""
        if (self.name, model_id) not in self._owners and self.model_status(model_id) is None:
            return None
        return self._owners.get((self.name, model_id), "")

    def run_owner(self, run_id: str) -> str | None:
        """The job whose run it is, "" for a person's, None when this workspace has no such run."""
        if (self.name, run_id) not in self._owners:
            status, body = self._get("/api/2.0/mlflow/runs/get", f"run_id={run_id}")
            if status != 200:
                return None
            self._remember(run_id, body.get("run", {}).get("data", {}).get("tags"))
        return self._owners.get((self.name, run_id), "")

    def _remember(self, name: str, tags: Any) -> None:
        if len(self._owners) + len(self._ready) >= self._REMEMBERED_MAX:
            self._owners.clear()
            self._ready.clear()
        owners = [str(tag.get("value", "")) for tag in tags or () if tag.get("key") == TAG_JOB]
        self._owners[self.name, name] = owners[0] if owners else ""
