"""Addresses of start-ups and of the figures."""

from collab.access.rules import SIGNED_IN, route, rule
from collab.transfer.portfolio import startup_views as startups
from collab.transfer.portfolio import views

_MANAGE = rule("startup.manage", "GET", "POST")
_STARTUP = "transfer/startups/<uuid:pk>/"

urlpatterns = [
    route("transfer/startups/", startups.startups, rule(SIGNED_IN), name="startups"),
    route("transfer/startups/new/", startups.startup_new, rule(SIGNED_IN, "GET", "POST"), name="startup_new"),
    route(_STARTUP, startups.startup, rule("startup.view"), name="startup"),
    route(f"{_STARTUP}edit/", startups.startup_edit, _MANAGE, name="startup_edit"),
    route(f"{_STARTUP}move/<slug:move>/", startups.startup_move, _MANAGE, name="startup_move"),
    route(f"{_STARTUP}equity/new/", startups.equity_new, _MANAGE, name="startup_equity_new"),
    route("transfer/cases/<uuid:pk>/income/", views.case_income, rule("case.view"), name="case_income"),
    route("transfer/reports/", views.reports, rule("transfer.report"), name="transfer_reports"),
    route("transfer/reports/rows/", views.report_rows, rule("transfer.report"), name="transfer_report_rows"),
    route(
        "transfer/reports/rows/file.csv", views.report_rows_file, rule("transfer.report"),
        name="transfer_report_rows_file",
    ),
    route("transfer/reports/series.json", views.series, rule("transfer.report"), name="transfer_series"),
    route("transfer/reports/file.csv", views.reports_file, rule("transfer.report"), name="transfer_reports_file"),
]  # fmt: skip
