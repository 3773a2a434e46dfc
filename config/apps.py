"""The admin site with our rules: signed in through the one sign-in page, every list scoped."""

from django.contrib.admin.apps import AdminConfig


class TandemAdminConfig(AdminConfig):
    default_site = "collab.web.admin.TandemAdminSite"
