"""States of an export, and why there may be none."""

from __future__ import annotations

from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from collab.kernel.tables import Moves


class ExportState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


EXPORT_MOVES = Moves(
    {
        "begin": ({ExportState.WAITING}, ExportState.RUNNING),
        "finish": ({ExportState.RUNNING}, ExportState.DONE),
        "fail": ({ExportState.WAITING, ExportState.RUNNING}, ExportState.FAILED),
        "ask_again": ({ExportState.FAILED}, ExportState.WAITING),
    }
)

# code -> what happened, and what to do about it
REASONS = {
    "": ("", ""),
    "not_kept": (
        _("The files of this version are not kept here."),
        _("Ask whoever runs this site, or train the model again: its files are kept from then on."),
    ),
    "not_as_registered": (
        _("The files of this version are not what was registered."),
        _("Tell whoever runs this site. Nothing was read from them."),
    ),
    "not_exported": (
        _("This architecture cannot be written as ONNX."),
        _("Use the package with PyTorch."),
    ),
    "too_slow": (
        _("The export took longer than it is given here."),
        _("Ask again when less is running, or export the package where it is downloaded."),
    ),
    "too_much_memory": (
        _("The export needs more memory than it is given here."),
        _("Export the package where it is downloaded."),
    ),
    "lost": (_("The process that wrote the export was ended."), _("Ask for it again.")),
    "broke": (_("The export broke."), _("Ask for it again; if that does not help, tell who trained the model.")),
}
