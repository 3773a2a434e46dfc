"""Every task ends in time and says its name."""

from __future__ import annotations

from config.celery import app


def ours():
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def test_every_task_has_both_time_limits():
    loose = [name for name, task in ours().items() if not (task.time_limit and task.soft_time_limit)]

    assert ours() and not loose, f"Set soft_time_limit and time_limit: {loose}"
    assert all(task.soft_time_limit < task.time_limit <= 60 for task in ours().values()), "A task ends within a minute"


def test_every_task_has_a_name_and_is_called_a_task():
    wrong = [task.__name__ for name, task in ours().items() if not task.__name__.endswith("_task") or "." not in name]

    assert not wrong, f"Name the function …_task and give it name='app.slice.verb': {wrong}"


def test_the_schedule_names_tasks_that_exist():
    missing = [entry["task"] for entry in app.conf.beat_schedule.values() if entry["task"] not in ours()]

    assert not missing, f"The schedule names tasks nobody wrote: {missing}"
