"""What came out of a project, who made it, and whose it is."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.projects.models.review import in_language


class OutputKind(models.TextChoices):
    MODEL_VERSION = "model_version", _("Model version")
    DATASET = "dataset", _("Dataset")
    PUBLICATION = "publication", _("Publication")
    SOFTWARE = "software", _("Software")
    INVENTION = "invention", _("Invention")


DOI = RegexValidator(
    r"^10\.\d{4,9}/[!-~]{1,180}\Z", _("Write the DOI alone, such as 10.1000/xyz123, without an address before it.")
)


class Output(Record):
    """A result of the project. Its owners' shares make one hundred per cent."""

    project = models.ForeignKey("collab.Project", models.PROTECT, related_name="outputs", verbose_name=_("project"))
    kind = models.CharField(_("kind"), max_length=20, choices=OutputKind.choices)
    title = models.CharField(_("title"), max_length=200, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=200, blank=True)
    description = models.TextField(_("description"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    made_on = models.DateField(_("made on"), default=timezone.localdate)
    confidential = models.BooleanField(_("confidential"), default=False)
    doi = models.CharField(_("DOI"), max_length=200, blank=True, validators=[DOI])
    link = models.CharField(_("link"), max_length=500, blank=True)
    row_id = models.UUIDField(_("registered as"), null=True, blank=True)
    creators = models.ManyToManyField("collab.User", related_name="+", blank=True, verbose_name=_("creators"))
    other_creators = models.CharField(
        _("creators without an account"), max_length=300, blank=True, validators=[PlainTextValidator()]
    )
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("recorded by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("output")
        verbose_name_plural = _("outputs")
        ordering = ["-made_on", "-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "row_id"], condition=Q(row_id__isnull=False), name="output_registered_once"
            ),
            models.CheckConstraint(condition=Q(doi="") | Q(doi__startswith="10."), name="output_doi_looks_like_one"),
        ]

    def __str__(self) -> str:
        return in_language(self.title, self.title_zh)

    def get_absolute_url(self) -> str:
        return reverse("collab:output", args=[self.project.slug, self.pk])


class OutputShare(Record):
    """How much of an output belongs to a party."""

    output = models.ForeignKey(Output, models.CASCADE, related_name="shares", verbose_name=_("output"))
    party = models.ForeignKey(
        "collab.ProjectParty", models.PROTECT, related_name="output_shares", verbose_name=_("party")
    )
    percent = models.DecimalField(_("share, per cent"), max_digits=5, decimal_places=2)

    class Meta:
        verbose_name = _("share of an output")
        verbose_name_plural = _("shares of outputs")
        ordering = ["-percent"]
        constraints = [
            models.UniqueConstraint(fields=["output", "party"], name="share_once_per_party"),
            models.CheckConstraint(condition=Q(percent__gt=0, percent__lte=100), name="share_is_a_percentage"),
        ]

    def __str__(self) -> str:
        return f"{self.party.organisation} · {self.percent} %"
