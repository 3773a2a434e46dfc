"""Addresses of the figures."""

from collab.access.rules import route, rule
from collab.transfer.portfolio import views

urlpatterns = [
    route("transfer/reports/", views.reports, rule("transfer.report"), name="transfer_reports"),
    route("transfer/reports/rows/", views.report_rows, rule("transfer.report"), name="transfer_report_rows"),
    route("transfer/reports/series.json", views.series, rule("transfer.report"), name="transfer_series"),
    route("transfer/reports/file.csv", views.reports_file, rule("transfer.report"), name="transfer_reports_file"),
]
