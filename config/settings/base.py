"""What every installation shares. Values that differ come from the environment through config.env."""

import os
from pathlib import Path

import environ
from django.utils.translation import gettext_lazy as _

from config.env import ROOT, SettingError, choice, load_dotenv, read

load_dotenv()

BASE_DIR = ROOT
DATA_DIR = Path(read("TANDEM_DATA_DIR"))
DATA_DIR = DATA_DIR if DATA_DIR.is_absolute() else ROOT / DATA_DIR

DEBUG = False
SECRET_KEY = read("TANDEM_SECRET_KEY")
ALLOWED_HOSTS = read("TANDEM_ALLOWED_HOSTS")
BASE_URL = read("TANDEM_BASE_URL").rstrip("/")
TRACKING_URL = read("TANDEM_TRACKING_URL").rstrip("/")

INSTALLED_APPS = [
    "config.apps.TandemAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",  # its widget templates, for FORM_RENDERER below
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_htmx",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "health_check",
    "django_prometheus",
    "collab",
    "registry",
    "training",
]

MIDDLEWARE = [
    "collab.web.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "collab.web.middleware.HeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "collab.web.language.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "collab.web.middleware.DenyByDefaultMiddleware",
    "collab.web.middleware.WholePageMiddleware",
    "collab.web.middleware.DomainErrorMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "collab.web.context.navigation",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "collab.templatetags.badges",
                "collab.templatetags.icons",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- database: short transactions, never ATOMIC_REQUESTS (under IMMEDIATE every GET would take the one write lock)
if read("DATABASE_URL"):
    DATABASES = {"default": environ.Env.db_url_config(read("DATABASE_URL"))}
    if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        raise SettingError("DATABASE_URL must begin with postgresql:// (leave it empty for SQLite).")
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["CONN_MAX_AGE"] = 60
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "app.sqlite3",
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=134217728;"
                " PRAGMA journal_size_limit=27103364; PRAGMA cache_size=2000;",
            },
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if read("CACHE_URL"):
    CACHES = {"default": environ.Env.cache_url_config(read("CACHE_URL"))}
else:  # shared by all processes of this machine, so rate limits hold across them
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(DATA_DIR / "cache"),
            "OPTIONS": {"MAX_ENTRIES": 20_000},
        }
    }

# --- sign-in
AUTH_USER_MODEL = "collab.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "collab:dashboard"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_CLASS = "collab.accounts.forms.SignupForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_SESSION_REMEMBER = None
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Tandem"
ACCOUNT_ADAPTER = "collab.accounts.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "collab.accounts.adapters.ProviderAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True  # an address that the provider has verified finds its account …
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True  # … and stays linked with it
SOCIALACCOUNT_EMAIL_VERIFICATION = "optional"
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_STORE_TOKENS = False
if read("TANDEM_OIDC_SERVER"):
    if not read("TANDEM_OIDC_CLIENT_ID") or not read("TANDEM_OIDC_SECRET"):
        raise SettingError("TANDEM_OIDC_SERVER needs TANDEM_OIDC_CLIENT_ID and TANDEM_OIDC_SECRET beside it.")
    SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "sso",
                    "name": read("TANDEM_OIDC_NAME"),
                    "client_id": read("TANDEM_OIDC_CLIENT_ID"),
                    "secret": read("TANDEM_OIDC_SECRET"),
                    "settings": {"server_url": read("TANDEM_OIDC_SERVER").rstrip("/")},
                }
            ],
        }
    }
TWO_FACTOR = choice("TANDEM_TWO_FACTOR", "required", "offered", default="offered")
FOUND_ORGANISATIONS = choice("TANDEM_FOUND_ORGANISATIONS", "staff", "anyone", default="anyone")
IDEMPOTENCY_HOURS = read("TANDEM_IDEMPOTENCY_HOURS")
INVITATION_DAYS = read("TANDEM_INVITATION_DAYS")
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = False  # htmx sends it as a header
CSRF_FAILURE_VIEW = "collab.web.errors.csrf_failure"

# --- language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [ROOT / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = read("TANDEM_TIME_ZONE")

# --- files
STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(DATA_DIR)}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
UPLOAD_MAX_BYTES = read("TANDEM_UPLOAD_MAX_BYTES")
MANUSCRIPT_MAX_BYTES = read("TANDEM_MANUSCRIPT_MAX_BYTES")
APPLICATION_FILE_MAX_BYTES = read("TANDEM_APPLICATION_FILE_MAX_BYTES")
EVALUATION_WAIT_DAYS = read("TANDEM_EVALUATION_WAIT_DAYS")
COURSE_FILE_MAX_BYTES = read("TANDEM_COURSE_FILE_MAX_BYTES")
CASE_FILE_MAX_BYTES = read("TANDEM_CASE_FILE_MAX_BYTES")
COURSE_REMIND_DAYS = read("TANDEM_COURSE_REMIND_DAYS")
ISSUER_KEY_FILE = read("TANDEM_ISSUER_KEY_FILE") or str(DATA_DIR / "issuer-key.pem")
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024**2
DATA_UPLOAD_MAX_NUMBER_FILES = 20
FILE_UPLOAD_TEMP_DIR = None
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
BLOB_DIR = DATA_DIR / "blobs"
RUN_DIR = DATA_DIR / "runs"

# --- MLflow, behind the gate
MLFLOW_UPSTREAM = read("MLFLOW_UPSTREAM").rstrip("/")
MLFLOW_STORE_URI = read("MLFLOW_STORE_URI") or f"sqlite:///{DATA_DIR / 'mlflow.sqlite3'}"
MLFLOW_ARTIFACTS = read("MLFLOW_ARTIFACTS") or str(DATA_DIR / "mlartifacts")

# --- Celery: the broker is a doorbell, the rows are the truth
QUEUE_DIR = DATA_DIR / "queue"
CELERY_BROKER_URL = read("CELERY_BROKER_URL")
if CELERY_BROKER_URL.startswith("filesystem"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(QUEUE_DIR / "q"),
        "data_folder_out": str(QUEUE_DIR / "q"),
        "control_folder": str(QUEUE_DIR / "control"),
        "processed_folder": str(QUEUE_DIR / "processed"),
        "store_processed": True,
        "polling_interval": 0.1,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "queue" / "beat")

# --- training
TRAINING_CPUS = read("TANDEM_TRAINING_CPUS") or os.cpu_count() or 1
_GPUS = read("TANDEM_TRAINING_GPUS")
TRAINING_GPUS = _GPUS if _GPUS >= 0 else len(list(Path("/dev").glob("nvidia[0-9]*")))
LEASE_S = read("TANDEM_LEASE_S")
WARM_ENGINE = read("TANDEM_WARM_ENGINE")
if WARM_ENGINE not in {"torch", "transformers", "off"}:
    raise SettingError("TANDEM_WARM_ENGINE must be torch, transformers or off.")

# --- playground
PREVIEW_SECONDS = read("TANDEM_PREVIEW_SECONDS")
PLAYGROUND_TEXT_MAX_CHARS = read("TANDEM_PLAYGROUND_TEXT_MAX_CHARS")
PLAYGROUND_IMAGE_MAX_BYTES = read("TANDEM_PLAYGROUND_IMAGE_MAX_BYTES")
PLAYGROUND_AUDIO_MAX_BYTES = read("TANDEM_PLAYGROUND_AUDIO_MAX_BYTES")
PLAYGROUND_PER_HOUR = read("TANDEM_PLAYGROUND_PER_HOUR")
PLAYGROUND_AT_ONCE = read("TANDEM_PLAYGROUND_AT_ONCE")
PLAYGROUND_SECONDS = read("TANDEM_PLAYGROUND_SECONDS")
if not 1 <= PLAYGROUND_SECONDS <= 50:
    raise SettingError("TANDEM_PLAYGROUND_SECONDS must be from 1 to 50: a task of the worker ends within a minute.")
EXPORT_SECONDS = max(1, read("TANDEM_EXPORT_SECONDS"))
EXPORT_MEMORY_BYTES = read("TANDEM_EXPORT_MEMORY_BYTES")
PLAYGROUND_MEMORY_BYTES = read("TANDEM_PLAYGROUND_MEMORY_BYTES")
PLAYGROUND_KEEP_HOURS = read("TANDEM_PLAYGROUND_KEEP_HOURS")

# --- inbox: reminders and mail
REMIND_BEFORE_DAYS = read("TANDEM_REMIND_BEFORE_DAYS")
REMIND_REPEAT_DAYS = read("TANDEM_REMIND_REPEAT_DAYS")
ESCALATE_AFTER_DAYS = read("TANDEM_ESCALATE_AFTER_DAYS")
ROYALTY_REMIND_DAYS = read("TANDEM_ROYALTY_REMIND_DAYS")
ROYALTY_ESCALATE_DAYS = read("TANDEM_ROYALTY_ESCALATE_DAYS")
ROYALTY_BREACH_DAYS = read("TANDEM_ROYALTY_BREACH_DAYS")
PUBLICATION_NOTICE_DAYS = read("TANDEM_PUBLICATION_NOTICE_DAYS")
PUBLICATION_DELAY_DAYS = read("TANDEM_PUBLICATION_DELAY_DAYS")
AUDIT_MONTHS_BETWEEN = read("TANDEM_AUDIT_MONTHS_BETWEEN")
AUDIT_ANSWER_DAYS = read("TANDEM_AUDIT_ANSWER_DAYS")
AUDIT_PAY_DAYS = read("TANDEM_AUDIT_PAY_DAYS")
DIGEST_HOUR = read("TANDEM_DIGEST_HOUR")
if DIGEST_HOUR > 23:
    raise SettingError("TANDEM_DIGEST_HOUR must be an hour from 0 to 23.")
EMAIL_TIMEOUT = 10  # a mail server that does not answer must not hold the worker

# --- REST API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "collab.accounts.authentication.BearerAuthentication",
        "collab.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["collab.web.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "collab.web.pagination.CursorOrPagePagination",
    "DEFAULT_FILTER_BACKENDS": ["collab.web.filters.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "collab.web.schema.TandemSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "collab.web.negotiation.JSONOnlyNegotiation",
    "EXCEPTION_HANDLER": "collab.web.errors.api_exception_handler",
    "PAGE_SIZE": 25,
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tandem",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": [],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "collab.web.schema.describe_errors",
        "collab.web.schema.describe_keys",
    ],
    "ENUM_NAME_OVERRIDES": {
        "AgreementKind": "collab.agreements.models.AgreementKind",
        "DatasetKind": "registry.datasets.models.DatasetKind",
        "OrganisationKind": "collab.accounts.models.OrganisationKind",
        "ProjectState": "collab.projects.states.ProjectState",
        "AgreementVersionState": "collab.agreements.states.VersionState",
        "AccessCondition": "collab.agreements.ip.AccessCondition",
        "AccessRight": "collab.agreements.ip.AccessRight",
        "JobState": "training.jobs.states.JobState",
        "OnnxExportState": "training.exports.states.ExportState",
        "TrialState": "training.playground.states.TrialState",
        "TrialInputKind": "training.playground.states.InputKind",
        "ApprovalState": "collab.projects.states.ApprovalState",
        "ReviewState": "collab.projects.states.ReviewState",
        "ReviewStepState": "collab.projects.states.StepState",
        "WorkState": "collab.projects.states.WorkState",
        "ReportState": "collab.projects.states.ReportState",
        "WorkKind": "collab.projects.models.WorkKind",
        "ReportKind": "collab.projects.models.ReportKind",
        "OutputKind": "collab.projects.models.OutputKind",
        "ContributionKind": "collab.projects.models.ContributionKind",
        "AttestationKind": "collab.projects.models.AttestationKind",
        "RequestState": "collab.inbox.states.RequestState",
        "RequestDecision": "collab.inbox.states.Decision",
        "ObligationKind": "collab.inbox.states.ObligationKind",
        "MailChoice": "collab.inbox.states.Mail",
        "Role": "collab.access.roles.Role",
        "ProjectRoleName": "collab.accounts.api.PROJECT_ROLE_NAMES",
    },
}

# --- headers
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "media-src": ["'self'", "data:"],  # what a model reads aloud
        "style-src": ["'self'"],
        # element.style from script (uPlot sizes its canvas) is CSSOM and allowed; style attributes in markup are not
        "script-src": ["'self'"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

vars().update(environ.Env.email_url_config(read("EMAIL_URL")) if read("EMAIL_URL") else {})
DEFAULT_FROM_EMAIL = "Tandem <noreply@localhost>"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django.security": {"level": "ERROR"}},
}
