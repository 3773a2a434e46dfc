"""The library: books, courses, papers and tools to learn from, and what they are attached to."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Replace
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from collab.access.policy import visible_to
from collab.courses.certificates.models import in_language
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.kernel.words import with_words

if TYPE_CHECKING:
    from collab.access.policy import Person


class ResourceKind(models.TextChoices):
    BOOK = "book", pgettext_lazy("learning resource", "Book")
    COURSE = "course", _("Course")
    PAPER = "paper", _("Paper")
    TOOL = "tool", _("Tool")


def topics_in(text: str) -> list[str]:
    """Topics with commas between, Chinese ones too, each once and in order."""
    parts = (" ".join(part.split()) for part in re.split("[,，、;；]", text))
    return list(dict.fromkeys(part for part in parts if part))


class ResourceQuerySet(models.QuerySet["Resource"]):
    def visible_to(self, user: Person, word: str = "library.view") -> ResourceQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def in_library(self) -> ResourceQuerySet:
        return self.filter(archived_at=None)

    def archived_for(self, user: Person) -> ResourceQuerySet:
        """Those that were put away, for whoever may bring them back."""
        return self.visible_to(user, "library.edit").filter(archived_at__isnull=False)

    def matching(self, text: str) -> ResourceQuerySet:
        """Those in which every word of the text occurs somewhere."""
        return with_words(
            self, text, ("title", "title_zh", "authors", "description", "description_zh", "topics", "identifier")
        )

    def about(self, topic: str) -> ResourceQuerySet:
        """Those that have this very topic, however it is written in capitals."""
        between = Replace(F("topics"), Value(", "), Value(","))
        listed = Concat(Value(","), between, Value(","), output_field=models.TextField())
        return self.annotate(listed=listed).filter(listed__icontains=f",{topic.strip()},")

    def known_topics(self) -> list[str]:
        """Every topic once, those of the most resources first."""
        found: Counter[str] = Counter()
        for text in self.exclude(topics="").order_by().values_list("topics", flat=True):
            found.update(topics_in(text))
        return [topic for topic, _count in sorted(found.items(), key=lambda one: (-one[1], one[0]))]


class Resource(Record):
    """One thing to learn from."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("kept by people of")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=ResourceKind.choices)
    title = models.CharField(_("title"), max_length=200, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=200, blank=True, validators=[PlainTextValidator()])
    authors = models.CharField(_("authors or makers"), max_length=300, blank=True, validators=[PlainTextValidator()])
    year = models.PositiveSmallIntegerField(
        _("year"), null=True, blank=True, validators=[MinValueValidator(1400), MaxValueValidator(2200)]
    )
    link = models.URLField(_("link"), max_length=500, blank=True, validators=[URLValidator(schemes=["http", "https"])])
    identifier = models.CharField(_("DOI or ISBN"), max_length=100, blank=True, validators=[PlainTextValidator()])
    description = models.TextField(
        _("what it is good for"), max_length=2000, blank=True, validators=[PlainTextValidator()]
    )
    description_zh = models.TextField(
        _("what it is good for, in Chinese"), max_length=2000, blank=True, validators=[PlainTextValidator()]
    )
    topics = models.CharField(
        _("topics"), max_length=300, blank=True, validators=[PlainTextValidator()], help_text=_("With commas between.")
    )
    added_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("added by"))
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = ResourceQuerySet.as_manager()

    class Meta:
        verbose_name = _("learning resource")
        verbose_name_plural = _("learning resources")
        ordering = ["title"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ResourceKind.values), name="resource_kind_is_known"),
            models.CheckConstraint(
                condition=Q(year=None) | Q(year__range=(1400, 2200)), name="resource_year_is_sensible"
            ),
        ]
        indexes = [models.Index(fields=["kind", "title"], name="resource_by_kind")]

    def __str__(self) -> str:
        return in_language(self.title, self.title_zh)

    def get_absolute_url(self) -> str:
        return reverse("collab:resource", args=[self.pk])

    @property
    def about(self) -> str:
        return in_language(self.description, self.description_zh)

    @property
    def topic_list(self) -> list[str]:
        return topics_in(self.topics)


class ResourceLink(Record):
    """A resource attached to something: a project, or what rooms above register as attachable (a posting)."""

    resource = models.ForeignKey(Resource, models.PROTECT, related_name="links", verbose_name=_("learning resource"))
    subject_type = models.CharField(_("attached to"), max_length=60)
    subject_id = models.CharField(_("id"), max_length=40)
    project = models.ForeignKey(
        "collab.Project", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("project")
    )
    note = models.CharField(_("why"), max_length=300, blank=True, validators=[PlainTextValidator()])
    added_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("attached by"))

    class Meta:
        verbose_name = _("attached resource")
        verbose_name_plural = _("attached resources")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["resource", "subject_type", "subject_id"], name="resource_attached_once"),
        ]
        indexes = [models.Index(fields=["subject_type", "subject_id"], name="resource_by_subject")]

    def __str__(self) -> str:
        return f"{self.resource}"
