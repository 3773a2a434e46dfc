"""The lock files: whole, portable, and in step with the requirements."""

import re

import pytest

from deploy.tandem import lock
from deploy.tandem.place import ROOT

RUN, DEV = (ROOT / "requirements.lock").read_text(), (ROOT / "requirements-dev.lock").read_text()


def pins(text: str) -> dict[str, str]:
    rows = (row.split(";")[0].strip() for row in text.splitlines() if "==" in row)
    return {name.lower().replace("_", "-"): version for name, _, version in (row.partition("==") for row in rows)}


@pytest.mark.parametrize(("source", "text"), [("requirements.txt", RUN), ("requirements-dev.txt", DEV)])
def test_every_requirement_is_locked_at_its_version(source, text):
    locked = pins(text)
    rows = [row.split("#")[0].strip() for row in (ROOT / source).read_text().splitlines()]
    asked = [
        re.match(r"([\w.-]+)(?:\[[^]]*\])?(?:==([\w.]+))?", row) for row in rows if row and not row.startswith("-")
    ]

    expected = {m[1].lower().replace("_", "-"): m[2] or locked.get(m[1].lower(), "missing") for m in asked}

    assert expected.items() <= locked.items(), "run `make lock`"


def test_the_development_lock_contains_the_other_one():
    assert pins(RUN).items() <= pins(DEV).items(), "run `make lock`"


@pytest.mark.parametrize("text", [RUN, DEV])
def test_a_lock_names_no_machine_no_index_and_no_build(text):
    for trace in ("file:", "://", " @ ", "--", "+cpu", "nvidia", "triton", "win32"):
        assert trace not in text


def test_setuptools_is_locked_because_torch_needs_it():
    assert "setuptools" in pins(RUN)


def test_a_universal_lock_is_reduced_to_where_tandem_runs():
    universal = [
        "# by a tool",
        "async-timeout==5.0.1 ; python_full_version < '3.11.3'",
        "cffi==2.1.1 ; platform_python_implementation != 'PyPy'",
        "contourpy==1.3.3 ; python_full_version < '3.12'",
        "contourpy==1.4.0 ; python_full_version >= '3.12'",
        "cuda-toolkit==13.0.3 ; sys_platform == 'linux'",
        "hf-xet==1.8.0 ; platform_machine == 'arm64' or platform_machine == 'x86_64'",
        "nvidia-cublas==13.1.1.3 ; sys_platform == 'linux'",
        "pycparser==3.12 ; implementation_name != 'PyPy' and platform_python_implementation != 'PyPy'",
        "torch==2.13.0+cpu ; sys_platform == 'linux'",
        "torch==2.13.0 ; sys_platform == 'darwin'",
        "tzdata==2026.6 ; sys_platform == 'emscripten' or sys_platform == 'win32'",
        "waitress==3.0.2 ; sys_platform == 'win32'",
    ]

    expected = [
        "async-timeout==5.0.1 ; python_full_version < '3.11.3'",
        "cffi==2.1.1",
        "contourpy==1.3.3",
        "hf-xet==1.8.0 ; platform_machine == 'arm64' or platform_machine == 'x86_64'",
        "pycparser==3.12",
        "torch==2.13.0",
    ]
    assert lock.clean(universal) == expected
