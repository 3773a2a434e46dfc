"""The environment in which MLflow's server runs, in our process or beside it. Set before importing `mlflow.server`."""

from collections.abc import MutableMapping

# Names that begin with an underscore are MLflow's own; the version is pinned and a test starts the server with them.
_STORE = ("_MLFLOW_SERVER_FILE_STORE", "_MLFLOW_SERVER_REGISTRY_STORE")


def store_uri(uri: str) -> str:
    """The address for SQLAlchemy: PostgreSQL through psycopg 3, which is the driver that is installed."""
    for scheme in ("postgresql://", "postgres://"):
        if uri.startswith(scheme):
            return "postgresql+psycopg://" + uri.removeprefix(scheme)
    return uri


def client_env() -> dict[str, str]:
    """What any process that imports MLflow is given: no telemetry, no pickles."""
    return {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}


def server_env(*, store: str, artifacts: str) -> dict[str, str]:
    """Variables for the server: workspaces on, files served through it, no jobs, no gateway to other services.

    `store` is an SQLAlchemy address, `artifacts` a folder or s3://….
    """
    uri = store_uri(store)
    return {
        **client_env(),
        **dict.fromkeys(_STORE, uri),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": artifacts,
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "MLFLOW_ENABLE_WORKSPACES": "true",
        "MLFLOW_WORKSPACE_STORE_URI": uri,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
        # Only the gate speaks to it, and always under this name.
        "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost,127.0.0.1,localhost:*,127.0.0.1:*",
        # A second wall behind the gate's own check of model version sources.
        "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": r"^(runs|models|mlflow-artifacts):/[^/]",
    }


def apply(variables: dict[str, str], environ: MutableMapping[str, str]) -> None:
    """Write the variables into a process environment. Call it before importing `mlflow`."""
    environ.update(variables)


# What a request to the tracking process passes: no sessions, cookies, forms or pages there. No redirect to https:
# our own supervisors speak to it on loopback, everybody else through the proxy that holds the certificate.
GATE_MIDDLEWARE = [
    "collab.web.middleware.RequestIdMiddleware",
    "collab.web.middleware.DenyByDefaultMiddleware",
]
