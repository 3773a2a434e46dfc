"""Web and worker stay small: neither torch nor MLflow is loaded there. Importing a module does no work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "mlflow", "transformers", "sklearn", "pandas", "numpy", "PIL")

PROCESSES = {
    "web": "import config.wsgi; from django.urls import get_resolver; get_resolver().url_patterns; "
    "from django.contrib import admin; admin.site.urls",
    "worker": "import django; django.setup(); from config.celery import app; app.loader.import_default_modules(); "
    "assert 'training.runner.dispatch' in app.tasks",
    "supervisor": "import django; django.setup(); import training.runner.supervisor, training.runner.ship, "
    "training.runner.publish, training.runner.launcher",
    "warm supervisor": "from training.runner import warm; warm.load(); from django.urls import get_resolver; "
    "from django.utils import translation; "
    "assert {'en', 'zh-hans'} <= set(get_resolver()._reverse_dict) and len(translation.trans_real._translations) > 1",
    "engine contract": "import training.engine.contract",
}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_light_process_loads_nothing_heavy(name):
    program = f"{PROCESSES[name]}; import sys; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-2000:]
    loaded = done.stdout.split("\n")[-2].split()
    assert loaded == [], f"{name} loads {loaded}: import them where they are used, in a process of their own"
