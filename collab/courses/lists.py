"""Who takes a course, and certificates, as lines of a table with its head."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from collab.courses.certificates.models import Certificate
from collab.courses.models import Enrolment
from collab.web.badges import badge_of


def lines_of_takers(rows: Iterable[Enrolment]) -> Iterator[list[Any]]:
    """Of rows `with_names` and `with_progress`."""
    yield [
        _("Person"), _("Version"), _("State"), _("Modules done"), _("Modules"), _("Begun"), _("Passed"),
        _("Score in percent"), _("Valid until"),
    ]  # fmt: skip
    for row in rows:
        counts: Any = row
        yield [
            row.person, row.edition.number, badge_of(row.shown_state).word, counts.done_count, counts.modules_count,
            _day(row.created_at), _day(row.passed_at), row.score, row.last_day,
        ]  # fmt: skip


def lines_of_certificates(rows: Iterable[Certificate]) -> Iterator[list[Any]]:
    """Of rows `with_names`; the address is where anybody checks it."""
    yield [
        _("Recipient"), _("Certificate"), _("Kind"), _("Offered by"), _("State"), _("Issued"), _("Valid until"),
        _("Number"), _("Check page"),
    ]  # fmt: skip
    for row in rows:
        yield [
            row.recipient_name, row, row.get_kind_display(), row.organisation, badge_of(row.shown_state).word,
            _day(row.issued_at), _day(row.valid_until), row.pk, row.public_url if row.credential else "",
        ]  # fmt: skip


def _day(at: datetime | None) -> date | None:
    return timezone.localdate(at) if at else None
