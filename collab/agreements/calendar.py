"""Dates of agreements in the calendar of obligations: the end of a term, the last day of notice, surviving duties."""

from __future__ import annotations

from collab.agreements.models import AgreementVersion


def enter_dates(version: AgreementVersion) -> None:
    """Enter what a version that was signed by all, renewed or ended asks of its parties."""


def settle_dates(version: AgreementVersion) -> None:
    """Take away what no longer comes due: another version takes its place."""
