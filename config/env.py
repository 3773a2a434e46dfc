"""Reads the environment and `.env`. Every setting an operator may change comes through here, so a bad one is named."""

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent

# name -> (cast, default, meaning). `.env.example` documents each one; a house test compares.
VARIABLES: dict[str, tuple[Any, Any, str]] = {
    "TANDEM_DATA_DIR": (str, "var", "folder for the databases, blobs, runs and logs of the embedded default"),
    "TANDEM_BASE_URL": (str, "http://127.0.0.1:8000", "where people reach the web pages"),
    "TANDEM_TRACKING_URL": (str, "http://127.0.0.1:8001", "where the MLflow gate listens"),
    "TANDEM_WEB_PORT": (int, 8000, "port of the web process under make run"),
    "TANDEM_TRACKING_PORT": (int, 8001, "port of the tracking process under make run"),
    "TANDEM_SECRET_KEY": (str, "", "at least 50 random characters; generated once in the data folder when empty"),
    "TANDEM_ALLOWED_HOSTS": (list, [], "host names this site answers to, separated by commas"),
    "TANDEM_TIME_ZONE": (str, "UTC", "zone in which times are shown"),
    "TANDEM_TWO_FACTOR": (str, "", "required or offered; empty: required in production, offered elsewhere"),
    "TANDEM_FOUND_ORGANISATIONS": (str, "", "staff or anyone; empty: staff in production, anyone elsewhere"),
    "TANDEM_IDEMPOTENCY_HOURS": (int, 48, "hours for which the answer to a request with an Idempotency-Key is kept"),
    "TANDEM_INVITATION_DAYS": (int, 14, "days for which an invitation is valid"),
    "TANDEM_OIDC_SERVER": (str, "", "https://… of an OpenID Connect provider; empty: people sign in with a password"),
    "TANDEM_OIDC_CLIENT_ID": (str, "", "the name under which that provider knows Tandem"),
    "TANDEM_OIDC_SECRET": (str, "", "the secret that goes with it"),
    "TANDEM_OIDC_NAME": (str, "Single sign-on", "what the button of that sign-in says"),
    "TANDEM_TRAINING_CPUS": (int, 0, "processors that training may use on this machine; 0 means all"),
    "TANDEM_TRAINING_GPUS": (int, -1, "graphics processors that workers have; -1 means those of this machine"),
    "TANDEM_WARM_ENGINE": (
        str,
        "torch",
        "what a worker keeps loaded for runs: torch, transformers or off",
    ),
    "TANDEM_LEASE_S": (int, 30, "seconds without a heartbeat after which another supervisor may take a job over"),
    "TANDEM_PREVIEW_SECONDS": (int, 30, "seconds that a look at what a model would see may take"),
    "TANDEM_PLAYGROUND_TEXT_MAX_CHARS": (int, 20_000, "longest text that a model is asked in the playground"),
    "TANDEM_PLAYGROUND_IMAGE_MAX_BYTES": (int, 5 * 1024**2, "largest image that a model is shown in the playground"),
    "TANDEM_PLAYGROUND_AUDIO_MAX_BYTES": (int, 10 * 1024**2, "largest recording that a model hears in the playground"),
    "TANDEM_PLAYGROUND_PER_HOUR": (int, 60, "how often one person may ask models within an hour"),
    "TANDEM_PLAYGROUND_AT_ONCE": (int, 1, "how many models answer at the same time on all workers together"),
    "TANDEM_PLAYGROUND_SECONDS": (int, 45, "seconds that a model may take for an answer, 1 to 50"),
    "TANDEM_PLAYGROUND_MEMORY_BYTES": (int, 4 * 1024**3, "address space of the process in which a model answers"),
    "TANDEM_PLAYGROUND_KEEP_HOURS": (int, 24, "hours after which what was asked and answered is deleted, at least 1"),
    "TANDEM_EXPORT_SECONDS": (int, 600, "seconds that writing a model as ONNX may take"),
    "TANDEM_EXPORT_MEMORY_BYTES": (int, 8 * 1024**3, "address space of the process that writes a model as ONNX"),
    "TANDEM_REMIND_BEFORE_DAYS": (int, 3, "days before it is due that people are reminded of something"),
    "TANDEM_REMIND_REPEAT_DAYS": (int, 3, "days after which they are reminded again of what is overdue"),
    "TANDEM_ESCALATE_AFTER_DAYS": (int, 7, "days overdue after which the next in line are told"),
    "TANDEM_ROYALTY_REMIND_DAYS": (int, 1, "days late after which a licensee is told of its report or invoice"),
    "TANDEM_ROYALTY_ESCALATE_DAYS": (int, 14, "days late after which it is a task of the licensor's officers"),
    "TANDEM_ROYALTY_BREACH_DAYS": (int, 45, "days late after which they are asked whether it is a breach"),
    "TANDEM_DIGEST_HOUR": (int, 7, "hour of the day, 0 to 23, at which summaries are sent; weekly ones on Mondays"),
    "TANDEM_PUBLICATION_NOTICE_DAYS": (int, 30, "days of notice before a publication where no agreement names any"),
    "TANDEM_PUBLICATION_DELAY_DAYS": (int, 90, "days an objection may delay it where no agreement names any"),
    "TANDEM_AUDIT_MONTHS_BETWEEN": (int, 12, "months after an audit of royalties before the next one of the licence"),
    "TANDEM_AUDIT_ANSWER_DAYS": (int, 30, "days a licensee has to answer what an audit found"),
    "TANDEM_AUDIT_PAY_DAYS": (int, 30, "days to pay what both sides agreed on after an audit"),
    "TANDEM_MANUSCRIPT_MAX_BYTES": (int, 50 * 1024**2, "largest manuscript that may be laid before the parties"),
    "TANDEM_APPLICATION_FILE_MAX_BYTES": (
        int,
        10 * 1024**2,
        "largest document of an application for an internship or to an ethics committee",
    ),
    "TANDEM_EVALUATION_WAIT_DAYS": (
        int,
        14,
        "days after the last day of an internship from which it is completed without an evaluation, for a reason",
    ),
    "TANDEM_COURSE_FILE_MAX_BYTES": (int, 20 * 1024**2, "largest file of a course, and largest document of a training"),
    "TANDEM_CASE_FILE_MAX_BYTES": (int, 50 * 1024**2, "largest file that an office keeps with a case of transfer"),
    "TANDEM_COURSE_REMIND_DAYS": (int, 30, "days before a course or a training expires that its holder is told"),
    "TANDEM_ISSUER_KEY_FILE": (
        str,
        "",
        "PEM file of the RSA key that signs certificates; empty: made in the data folder",
    ),
    "TANDEM_UPLOAD_MAX_BYTES": (int, 2 * 1024**3, "largest file that may be uploaded"),
    "TANDEM_TORCH_INDEX": (str, "auto", "where the set-up looks for torch's CPU build: auto, none or an address"),
    "DATABASE_URL": (str, "", "postgresql://… ; empty means SQLite in the data folder"),
    "CELERY_BROKER_URL": (str, "filesystem://", "redis://… or amqp://… ; the default needs no server"),
    "CACHE_URL": (str, "", "redis://… ; empty means a file cache in the data folder"),
    "EMAIL_URL": (str, "consolemail://", "smtp://user:password@host:port"),
    "MLFLOW_UPSTREAM": (str, "", "http://… of a separate MLflow server; empty runs it inside the tracking process"),
    "MLFLOW_STORE_URI": (str, "", "SQLAlchemy address of MLflow's own database; empty means SQLite in the data folder"),
    "MLFLOW_ARTIFACTS": (str, "", "folder or s3://… for model files; empty means the data folder"),
}


class SettingError(ImproperlyConfigured):
    """A setting is missing or not what it must be; the message names it and says what to write."""


_env = environ.Env()


def choice(name: str, *allowed: str, default: str) -> str:
    """A variable that takes one of a few words; empty means `default`."""
    value = read(name) or default
    if value not in allowed:
        raise SettingError(f"{name} must be {' or '.join(allowed)} ({VARIABLES[name][2]}).")
    return value


def load_dotenv() -> None:
    """Read `.env` beside manage.py; real environment variables win."""
    dotenv = ROOT / ".env"
    if not dotenv.is_file():
        return
    for number, line in enumerate(dotenv.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name = text.removeprefix("export ").partition("=")[0].strip()
        if "=" not in text or not name.isidentifier():
            raise SettingError(f".env line {number} is not NAME=value: write it so, or begin it with #.")
        if name.startswith("TANDEM_") and name not in VARIABLES:
            raise SettingError(f".env line {number}: {name} is no setting of Tandem; see .env.example for the names.")
    environ.Env.read_env(dotenv)


def read(name: str) -> Any:
    """The value of a declared variable, cast; raises SettingError naming it when it does not fit."""
    cast, default, meaning = VARIABLES[name]
    try:
        value = _env(name, cast=cast, default=default)
    except (ValueError, ImproperlyConfigured):
        kind = {int: "a whole number", list: "a list separated by commas"}.get(cast, "text")
        raise SettingError(f"{name} must be {kind} ({meaning}).") from None
    if cast is int and value is not default and value < 0:
        raise SettingError(f"{name} must not be negative ({meaning}).")
    return default if value == "" and default else value
