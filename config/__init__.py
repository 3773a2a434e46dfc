"""Wiring only: settings, urls, processes."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
