"""What an office notes about a case, and the files that it keeps with it; taken back with a reason, never removed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import Person, visible_to
from collab.kernel.names import PlainTextValidator
from collab.kernel.records import Record
from collab.transfer.disclosures.models import TransferCase


class CaseNoteQuerySet(models.QuerySet["CaseNote"]):
    def visible_to(self, user: Person, word: str = "case.view") -> CaseNoteQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_all(self) -> CaseNoteQuerySet:
        return self.select_related("case__disclosure", "case__organisation", "by", "withdrawn_by")


class CaseNote(Record):
    """A text, a file, or both, about a day; for the office of the case alone."""

    case = models.ForeignKey(TransferCase, models.PROTECT, related_name="notes", verbose_name=_("case"))
    noted_on = models.DateField(_("about the day"), default=timezone.localdate)
    text = models.TextField(_("text"), max_length=8000, blank=True, validators=[PlainTextValidator()])
    file_name = models.CharField(_("file"), max_length=200, blank=True)
    media_type = models.CharField(_("kind of file"), max_length=60, blank=True)
    sha256 = models.CharField(_("hash"), max_length=64, blank=True)
    size_bytes = models.PositiveBigIntegerField(_("size in bytes"), default=0)
    by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("written by"))
    withdrawn_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("taken back by")
    )
    withdrawn_at = models.DateTimeField(_("taken back"), null=True, blank=True, editable=False)
    withdrawn_reason = models.CharField(_("why"), max_length=1000, blank=True, validators=[PlainTextValidator()])

    objects = CaseNoteQuerySet.as_manager()

    class Meta:
        verbose_name = _("note on a case")
        verbose_name_plural = _("notes on cases")
        ordering = ["-noted_on", "-created_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(text="") | ~Q(sha256=""), name="case_note_says_something"),
            models.CheckConstraint(
                condition=Q(sha256="", file_name="", media_type="", size_bytes=0)
                | ~Q(sha256="") & ~Q(file_name="") & ~Q(media_type=""),
                name="case_note_file_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_by=None, withdrawn_reason="")
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False) & ~Q(withdrawn_reason=""),
                name="case_note_taken_back_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case} · {self.noted_on}"

    def get_absolute_url(self) -> str:
        return self.case.get_absolute_url()
