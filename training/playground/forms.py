"""One field or two, for what the model reads."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _

from collab.web.forms import OnceForm
from registry.catalog.models import ModelVersion
from training.engine.contract import SPEECH_LETTERS
from training.playground.inputs import (
    CAPTIONS_MAX,
    DRAWINGS_MAX,
    SEED_MAX,
    Given,
    given_for,
    kind_of,
    labels_of,
    shortest_series,
    voices_of,
)
from training.playground.states import FIELDS, InputKind

IMAGES = "image/png,image/jpeg,image/webp"
SOUNDS = "audio/wav,audio/x-wav,audio/flac,.wav,.flac"


class TryForm(OnceForm):
    """Texts keep their line ends, numbers may be written in any way that people write them in a row."""

    def __init__(self, version: ModelVersion, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version = version
        self.kind = kind_of(version)
        named = {"label": labels_of, "voice": voices_of}
        for name in FIELDS[self.kind]:
            if name not in named:
                self.fields[name] = self._field(name)
            elif known := named[name](version):
                label = _("What to draw") if name == "label" else _("Voice")
                self.fields[name] = forms.ChoiceField(label=label, choices=[(one, one) for one in known])

    def _field(self, name: str) -> forms.Field:
        if name == "image":
            help_text = _("PNG, JPEG or WebP, at most %(n)s MB.") % {"n": _mb(settings.PLAYGROUND_IMAGE_MAX_BYTES)}
            return _file(_("Image"), help_text, IMAGES)
        if name == "audio":
            help_text = _("WAV or FLAC, at most %(n)s MB.") % {"n": _mb(settings.PLAYGROUND_AUDIO_MAX_BYTES)}
            return _file(_("Recording"), help_text, SOUNDS)
        if name == "numbers":
            help_text = _("At least %(n)d, the latest last, divided by spaces, commas or lines.")
            help_text %= {"n": shortest_series(self.version)}
            widget = forms.Textarea(attrs={"rows": 6, "inputmode": "decimal"})
            return forms.CharField(label=_("Numbers"), help_text=help_text, widget=widget, max_length=400_000)
        if name == "seed":
            help_text = _("The same seed draws the same; further images take the seeds behind it.")
            return _whole(_("Seed"), help_text, 0, SEED_MAX)
        if name == "count":
            return _whole(_("Images"), "", 1, DRAWINGS_MAX)
        if name == "sequence":
            help_text = _("Residues as single letters; the score of every exchange is told. [MASK] is a gap to fill.")
            return _lines(_("Protein"), help_text, rows=5)
        if name == "mutations":
            help_text = _("Only these, such as A24G, or A24G:K30R together. Empty: all exchanges of one residue.")
            return _lines(_("Mutations"), help_text, rows=2, required=False)
        if name == "texts":
            help_text = _("Each on a line of its own, 2 to %(n)d of them: which one fits the image?") % {
                "n": CAPTIONS_MAX
            }
            return _lines(_("Texts"), help_text, rows=4)
        help_text = _("At most %(n)d characters.") % {"n": settings.PLAYGROUND_TEXT_MAX_CHARS}
        if self.version.model.task == "masked-lm":
            help_text = _("Write [MASK] where the model is to fill a gap.") + " " + help_text
        if self.kind == InputKind.SPEECH:
            help_text = _("At most %(n)d characters.") % {"n": SPEECH_LETTERS - 1}
        if name == "question":
            return _lines(_("Question"), "", rows=2)
        if name == "context":
            return _lines(_("Text that the question is about"), help_text, rows=8)
        if name == "other":
            return _lines(_("Another text"), help_text, rows=3)
        return _lines(_("Text"), help_text, rows=3 if self.kind == InputKind.PAIR else 6)

    def given(self) -> Given:
        """What was sent, as the model reads it."""
        return given_for(
            self.version,
            **read_files({name: value for name, value in self.cleaned_data.items() if name in FIELDS[self.kind]}),
        )


def read_files(sent: dict[str, Any]) -> dict[str, Any]:
    """With the bytes of files, one more than is allowed at most."""
    most = {"image": settings.PLAYGROUND_IMAGE_MAX_BYTES, "audio": settings.PLAYGROUND_AUDIO_MAX_BYTES}
    return {name: value.read(most[name] + 1) if name in most and value else value for name, value in sent.items()}


def _mb(size: int) -> float:
    return round(size / 1e6, 1)


def _lines(label: str, help_text: str, rows: int, *, required: bool = True) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows})
    return forms.CharField(label=label, help_text=help_text, widget=widget, strip=False, required=required)


def _whole(label: str, help_text: str, least: int, most: int) -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=help_text, min_value=least, max_value=most, initial=1)


def _file(label: str, help_text: str, accept: str) -> forms.FileField:
    widget = forms.ClearableFileInput(attrs={"accept": accept})
    return forms.FileField(label=label, help_text=help_text, widget=widget, allow_empty_file=True)
