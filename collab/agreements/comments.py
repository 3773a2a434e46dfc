"""What the parties say to each other about a version while they negotiate."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from collab.kernel.names import PlainTextValidator
from collab.kernel.records import Record


class VersionComment(Record):
    """A remark of one party on one version, for all parties to read."""

    version = models.ForeignKey(
        "collab.AgreementVersion", models.PROTECT, related_name="comments", verbose_name=_("version")
    )
    party = models.ForeignKey("collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("party"))
    author = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("author"))
    text = models.TextField(_("comment"), max_length=4000, validators=[PlainTextValidator()])

    class Meta:
        verbose_name = _("comment on a version")
        verbose_name_plural = _("comments on versions")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.party}: {self.text[:60]}"
