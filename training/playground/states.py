"""States of a question to a model, what each task reads, and why there may be no answer."""

from __future__ import annotations

from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from collab.kernel.tables import Moves


class TrialState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    ANSWERED = "answered"
    FAILED = "failed"


ENDED = frozenset({TrialState.ANSWERED, TrialState.FAILED})

TRIAL_MOVES = Moves(
    {
        "begin": ({TrialState.WAITING}, TrialState.RUNNING),
        "answer": ({TrialState.RUNNING}, TrialState.ANSWERED),
        "fail": ({TrialState.WAITING, TrialState.RUNNING}, TrialState.FAILED),
    }
)


class InputKind(StrEnum):
    TEXT = "text"
    NUMBERS = "numbers"
    IMAGE = "image"
    AUDIO = "audio"
    QUESTION = "question"
    PAIR = "pair"
    CAPTIONS = "captions"
    DRAWING = "drawing"
    SPEECH = "speech"
    SCAN = "scan"


INPUT_LABELS = {
    InputKind.TEXT: _("a text"),
    InputKind.NUMBERS: _("a series of numbers"),
    InputKind.IMAGE: _("an image"),
    InputKind.AUDIO: _("a recording"),
    InputKind.QUESTION: _("a question and a text that it is about"),
    InputKind.PAIR: _("two texts"),
    InputKind.CAPTIONS: _("an image and texts that may belong to it"),
    InputKind.DRAWING: _("what to draw"),
    InputKind.SPEECH: _("a text to read aloud"),
    InputKind.SCAN: _("a protein, residue by residue"),
}

# What is sent for each kind: the names of the fields of the form and of the API.
FIELDS = {
    InputKind.TEXT: ("text",),
    InputKind.NUMBERS: ("numbers",),
    InputKind.IMAGE: ("image",),
    InputKind.AUDIO: ("audio",),
    InputKind.QUESTION: ("question", "context"),
    InputKind.PAIR: ("text", "other"),
    InputKind.CAPTIONS: ("image", "texts"),
    InputKind.DRAWING: ("label", "seed", "count"),
    InputKind.SPEECH: ("text", "voice"),
    InputKind.SCAN: ("sequence", "mutations"),
}
OPTIONAL = {
    InputKind.DRAWING: {"label", "seed", "count"},
    InputKind.SPEECH: {"voice"},
    InputKind.SCAN: {"mutations"},
}

READS = {
    "causal-lm": InputKind.TEXT,
    "masked-lm": InputKind.TEXT,
    "text-classification": InputKind.TEXT,
    "multi-label-classification": InputKind.TEXT,
    "text-regression": InputKind.TEXT,
    "token-classification": InputKind.TEXT,
    "text-to-text": InputKind.TEXT,
    "summarization": InputKind.TEXT,
    "forecasting": InputKind.NUMBERS,
    "image-classification": InputKind.IMAGE,
    "masked-image": InputKind.IMAGE,
    "image-captioning": InputKind.IMAGE,
    "object-detection": InputKind.IMAGE,
    "image-segmentation": InputKind.IMAGE,
    "image-text": InputKind.CAPTIONS,
    "audio-classification": InputKind.AUDIO,
    "speech-to-text": InputKind.AUDIO,
    "masked-audio": InputKind.AUDIO,
    "text-to-speech": InputKind.SPEECH,
    "image-generation": InputKind.DRAWING,
    "extractive-qa": InputKind.QUESTION,
    "generative-qa": InputKind.QUESTION,
    "sentence-embedding": InputKind.PAIR,
}

# code -> what happened, and what to do about it
REASONS = {
    "": ("", ""),
    "access_lost": (_("The right to try this model ended before it answered."), ""),
    "not_kept": (
        _("The files of this version are not kept here."),
        _("Ask whoever runs this site, or train the model again: its files are kept from then on."),
    ),
    "not_as_registered": (
        _("The files of this version are not what was registered."),
        _("Tell whoever runs this site. Nothing was read from them."),
    ),
    "unreadable_text": (
        _("The model cannot read this text."),
        _("Write at least a word in the language it learnt."),
    ),
    "unreadable_numbers": (
        _("The model cannot read this series."),
        _("Send a longer series of plain numbers."),
    ),
    "unreadable_image": (
        _("This is not a readable PNG, JPEG or WebP, or it has too many pixels."),
        _("Save it again with an image program, smaller, and send it."),
    ),
    "unreadable_audio": (
        _("This is not a readable WAV or FLAC, or it is longer than the model hears."),
        _("Send a shorter recording as WAV of whole numbers or as FLAC."),
    ),
    "unreadable_question": (
        _("The model cannot read this question or this text."),
        _("Write both in the language it learnt."),
    ),
    "unreadable_pair": (
        _("The model cannot read these texts."),
        _("Write at least a word in each, in the language it learnt."),
    ),
    "unreadable_captions": (
        _("The model cannot read this image or these texts."),
        _("Save the image again with an image program, smaller, and write at least a word in each text."),
    ),
    "unreadable_drawing": (
        _("The model cannot draw this."),
        _("Choose another label or seed."),
    ),
    "unreadable_speech": (
        _("The model cannot read this text aloud."),
        _("Write a shorter text with the letters of the language it learnt."),
    ),
    "unreadable_scan": (
        _("The model cannot read this protein."),
        _("Write its residues as single letters, at most 5,000, and mutations such as A24G."),
    ),
    "too_slow": (
        _("The model did not answer in the time it is given here."),
        _("Send something shorter, or try again when less is running."),
    ),
    "too_much_memory": (
        _("The model needs more memory than it is given here."),
        _("Send something shorter. A model as large as this is tried where it is downloaded."),
    ),
    "lost": (_("The worker was ended while the model answered."), _("Send it again.")),
    "broke": (_("The model broke while it answered."), _("Send it again; if that does not help, tell who trained it.")),
}
