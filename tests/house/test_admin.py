"""The admin shows every table of ours, and only through the scoped base."""

from django.apps import apps
from django.contrib import admin

from collab.web.admin import ScopedModelAdmin

OURS = ("collab", "registry", "training")


def test_every_table_is_in_the_admin():
    missing = [
        model.__name__
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        if model not in admin.site._registry
    ]
    assert missing == [], f"register {missing} in the admin.py of their slice, with ScopedModelAdmin"


def test_every_admin_is_scoped():
    plain = [model.__name__ for model, made in admin.site._registry.items() if not isinstance(made, ScopedModelAdmin)]
    assert plain == [], f"let the admin of {plain} inherit from collab.web.admin.ScopedModelAdmin"


def test_no_admin_shows_a_secret():
    secrets = {"password", "digest", "secret", "key", "token"}
    shown = [
        f"{model.__name__}.{name}"
        for model, made in admin.site._registry.items()
        for name in {f.name for f in model._meta.fields} - set(made.hidden)
        if name in secrets and model._meta.label not in {"collab.AuditEvent", "collab.AuditAnchor"}
    ]
    assert shown == [], f"add {shown} to `hidden` of its admin"
