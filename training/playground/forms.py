"""One field, for what the model reads."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _

from collab.web.forms import OnceForm
from registry.catalog.models import ModelVersion
from training.playground.inputs import Given, given_for, kind_of, shortest_series
from training.playground.states import InputKind

ACCEPTED = "image/png,image/jpeg,image/webp"


class TryForm(OnceForm):
    """Texts keep their line ends, numbers may be written in any way that people write them in a row."""

    def __init__(self, version: ModelVersion, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version = version
        self.kind = kind_of(version)
        self.fields[self.kind.value] = self._field()

    def _field(self) -> forms.Field:
        if self.kind == InputKind.IMAGE:
            most = round(settings.PLAYGROUND_IMAGE_MAX_BYTES / 1e6, 1)
            help_text = _("PNG, JPEG or WebP, at most %(n)s MB.") % {"n": most}
            widget = forms.ClearableFileInput(attrs={"accept": ACCEPTED})
            return forms.FileField(label=_("Image"), help_text=help_text, widget=widget, allow_empty_file=True)
        if self.kind == InputKind.NUMBERS:
            help_text = _("At least %(n)d, the latest last, divided by spaces, commas or lines.")
            help_text %= {"n": shortest_series(self.version)}
            widget = forms.Textarea(attrs={"rows": 6, "inputmode": "decimal"})
            return forms.CharField(label=_("Numbers"), help_text=help_text, widget=widget, max_length=400_000)
        help_text = _("At most %(n)d characters.") % {"n": settings.PLAYGROUND_TEXT_MAX_CHARS}
        if self.version.model.task == "masked-lm":
            help_text = _("Write [MASK] where the model is to fill a gap.") + " " + help_text
        widget = forms.Textarea(attrs={"rows": 6})
        return forms.CharField(label=_("Text"), help_text=help_text, widget=widget, strip=False)

    def given(self) -> Given:
        """What was sent, as the model reads it."""
        value = self.cleaned_data[self.kind.value]
        if self.kind == InputKind.IMAGE:
            value = value.read(settings.PLAYGROUND_IMAGE_MAX_BYTES + 1)
        return given_for(self.version, **{self.kind.value: value})
