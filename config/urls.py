"""The web process: pages, API, admin, sign-in, health. Every route has a rule; library routes get theirs here."""

from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from health_check.views import HealthCheckView

from collab.access.rules import LIBRARY_RULES, PUBLIC, SIGNED_IN, STAFF, Rule, route, rule
from collab.accounts.views import change_language
from collab.web.health import live, metrics

handler400 = "collab.web.errors.bad_request"
handler403 = "collab.web.errors.forbidden"
handler404 = "collab.web.errors.not_found"
handler500 = "collab.web.errors.server_error"

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    route("language/", change_language, rule(PUBLIC, "POST"), name="set_language"),
    route("health/live", live, rule(PUBLIC), name="health_live"),
    route(
        "health/ready",
        HealthCheckView.as_view(checks=["health_check.Cache", "health_check.Database"]),
        rule(PUBLIC),
        name="health_ready",
    ),
    route("metrics", metrics, rule(STAFF), name="metrics"),
    route("api/schema/", SpectacularAPIView.as_view(), rule(SIGNED_IN), name="api_schema"),
    route(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api_schema"),
        rule(SIGNED_IN),
        name="api_docs",
    ),
    path("api/v1/", include("config.api")),
    path("", include("collab.urls")),
    path("", include("registry.urls")),
    path("", include("training.urls")),
]

_FORM = frozenset({"GET", "HEAD", "POST"})
_MIDWAY = {"mfa_authenticate", "mfa_trust"}  # between the password and being signed in
_NEEDS_SESSION = ("mfa", "password_change", "password_set", "email", "logout", "reauthenticate", "connections")


def _library_rules(patterns: list[Any], prefix: str, default: Rule) -> None:
    """Give each route of a library a rule by its full route, as ResolverMatch joins it."""
    for pattern in patterns:
        full = prefix + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver):
            _library_rules(pattern.url_patterns, full, default)
        elif isinstance(pattern, URLPattern):
            name = pattern.name or ""
            signed_in = default.access == PUBLIC and any(part in f"{name} {full}" for part in _NEEDS_SESSION)
            LIBRARY_RULES[full] = Rule(SIGNED_IN, _FORM) if signed_in and name not in _MIDWAY else default


_library_rules(urlpatterns[0].url_patterns, "accounts/", Rule(PUBLIC, _FORM))
_library_rules(urlpatterns[1].url_patterns, "admin/", Rule(STAFF, _FORM))
