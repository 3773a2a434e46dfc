"""Every setting is documented, and a bad one is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config import env

ROOT = Path(__file__).resolve().parents[2]
# Read before Django exists, by deploy/.
OF_THE_SET_UP = {"TANDEM_TORCH_INDEX"}


def documented() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))


def test_the_example_documents_every_setting_and_no_other():
    expected = set(env.VARIABLES) | OF_THE_SET_UP

    assert documented() == expected, "Write each variable of config/env.py into .env.example, with a line of meaning"


def test_settings_are_read_in_config_only():
    wrong = [
        str(path.relative_to(ROOT))
        for folder in ("collab", "registry", "training")
        for path in (ROOT / folder).rglob("*.py")
        if any(
            f'environ["{name}"' in (text := path.read_text()) or f'environ.get("{name}"' in text
            for name in env.VARIABLES
        )
    ]

    assert not wrong, f"Read the setting through django.conf.settings: {wrong}"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("TANDEM_LEASE_S", "soon", "TANDEM_LEASE_S must be a whole number"), ("TANDEM_LEASE_S", "-1", "not be negative")],
)
def test_a_value_that_does_not_fit_is_named(monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)

    with pytest.raises(env.SettingError, match=says):
        env.read(name)


@pytest.mark.parametrize(
    ("content", "says"),
    [("TANDEM_LEAES_S=3\n", "TANDEM_LEAES_S is no setting"), ("what is this\n", "line 1 is not NAME=value")],
)
def test_a_bad_line_of_dotenv_is_named(monkeypatch, tmp_path, content, says):
    (tmp_path / ".env").write_text(content)
    monkeypatch.setattr(env, "ROOT", tmp_path)

    with pytest.raises(env.SettingError, match=says):
        env.load_dotenv()
