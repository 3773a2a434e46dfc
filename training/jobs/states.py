"""States of a training job. `desired` is what people ask for; `state` is what is so. Few states, many reasons."""

from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from collab.kernel.tables import Moves


class JobState(StrEnum):
    WAITING = "waiting"  # for the owner of the data, who says whether its purpose fits
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class Desired(StrEnum):
    RUN = "run"
    STOP = "stop"  # keep the work: save, then end
    KILL = "kill"  # end now; the last checkpoint stays


LIVE = frozenset({JobState.STARTING, JobState.RUNNING, JobState.STOPPING})  # somebody holds a lease
ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.STOPPED})

JOB_MOVES = Moves(
    {
        "claim": ({JobState.QUEUED}, JobState.STARTING),
        "start": ({JobState.STARTING}, JobState.RUNNING),
        "ask_stop": ({JobState.STARTING, JobState.RUNNING}, JobState.STOPPING),
        "stop_waiting": ({JobState.WAITING, JobState.QUEUED, JobState.PAUSED}, JobState.STOPPED),
        "end_stopped": (set(LIVE), JobState.STOPPED),
        "end_paused": (set(LIVE), JobState.PAUSED),
        "end_done": ({JobState.RUNNING, JobState.STOPPING}, JobState.DONE),
        "end_failed": (set(LIVE), JobState.FAILED),
        "requeue": (set(LIVE), JobState.QUEUED),
        "resume": ({JobState.STOPPED, JobState.PAUSED, JobState.FAILED}, JobState.QUEUED),
        "ask_owner": ({JobState.STOPPED, JobState.PAUSED, JobState.FAILED}, JobState.WAITING),
        "permit": ({JobState.WAITING}, JobState.QUEUED),
        "hold": ({JobState.WAITING}, JobState.PAUSED),
        "decline": ({JobState.WAITING}, JobState.STOPPED),
    }
)

# code -> what people read. Codes of the engine and of the runner share the table.
REASONS = {
    "": "",
    "diverged": _("The loss stopped being a number. Lower the learning rate and try again."),
    "oom": _("The run needed more memory than there is. Choose a smaller batch or net."),
    "data_error": _("The data was not as promised. The log names the row."),
    "limit_minutes": _("The time limit of the job was reached. The work is kept."),
    "disk_full": _("The disk is full. Resume when there is room."),
    "bad_spec": _("The spec does not fit the data. The log says where."),
    "checkpoint_mismatch": _("The checkpoint belongs to another job, spec or dataset."),
    "device_missing": _("The spec asks for a device that this machine does not have."),
    "internal": _("The engine broke. The log holds the details; resume tries again from the last checkpoint."),
    "access_lost": _("An agreement, role or permitted use that this job needs no longer holds. The work is kept."),
    "owner_asked": _("The owner of the data is asked whether this job is among the uses they permit."),
    "owner_declined": _("The owner of the data does not permit this job."),
    "crash_loop": _("The run died three times without getting further, so it was not tried again."),
    "lost": _("The machine that ran it went silent; it goes on from the last checkpoint."),
    "stopped_by_person": _("Stopped on request. The work is kept."),
    "killed_by_person": _("Ended at once on request. The last checkpoint is kept."),
    "shutdown": _("The machine is shutting down; it goes on from the last checkpoint when it is back."),
    "start": _("The model to start from could not be fetched as it was registered. Resume tries again."),
    "publish": _("The net is trained, but registering it failed. Resume tries only that again."),
}

# Reasons after which the runner tries again by itself from the last checkpoint.
RETRY_REASONS = frozenset({"internal", "lost", "disk_full", "shutdown", "start"})
NO_PROGRESS_MAX = 3
BACK_OFF_S = (5, 30, 120)
