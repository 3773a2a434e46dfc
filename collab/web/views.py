"""The dashboard: what is mine, what runs, what waits for me."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "collab/dashboard.html")
