"""The environment: what the stamp promises, what is rebuilt, what is left alone, what is said when it fails."""

import os
import subprocess
import sys
import venv

import pytest

from deploy.tandem import install
from deploy.tandem.place import ROOT, Place, python_version
from deploy.tandem.say import Trouble


@pytest.fixture
def stamped(place):
    """An environment that looks finished: a link to this Python, and the stamp."""
    (place.venv / "bin").mkdir(parents=True)
    place.python.symlink_to(sys.executable)
    (place.venv / install.BEGUN).touch()
    install.write_stamp(place, dev=False)
    return place


# the stamp


def test_a_finished_environment_is_taken_as_it_is(stamped):
    assert install.ensure(stamped) is False


def test_a_changed_lock_does_not_fit_the_stamp(stamped):
    (stamped.root / "requirements.lock").write_text("torch==2.14.0\n")

    assert not install.fits(stamped, dev=False)


def test_development_packages_are_a_stamp_of_their_own(stamped):
    assert not install.fits(stamped, dev=True)

    install.write_stamp(stamped, dev=True)

    assert install.fits(stamped, dev=True)
    assert install.fits(stamped, dev=False)


def test_an_environment_whose_python_was_removed_does_not_fit(stamped):
    stamped.python.unlink()
    stamped.python.symlink_to("/nowhere/python3.11")

    assert not install.fits(stamped, dev=False)


def test_a_moved_environment_does_not_fit(stamped, tmp_path):
    stamped.root.rename(tmp_path / "elsewhere")

    assert not install.fits(Place(root=tmp_path / "elsewhere"), dev=False)


def test_a_garbled_stamp_is_no_stamp(stamped):
    (stamped.venv / install.STAMP).write_text("[1, 2")

    assert install.read_stamp(stamped) == {}


# what is there


def test_a_begun_environment_without_a_stamp_was_interrupted(stamped):
    (stamped.venv / install.STAMP).unlink()

    assert install.venv_state(stamped) == "an earlier set-up was interrupted"


def test_an_environment_made_by_hand_is_used_and_never_rebuilt(place):
    venv.create(place.venv, with_pip=False, symlinks=True)

    assert install.venv_state(place) == "foreign"
    assert install.make_venv(place, place.log / "setup.log") is False


def test_a_folder_named_venv_that_is_none_is_left_alone(place):
    place.venv.mkdir()
    (place.venv / "thesis.txt").write_text("years of work")

    with pytest.raises(Trouble, match="was not made by Tandem"):
        install.make_venv(place, place.log / "setup.log")

    assert (place.venv / "thesis.txt").exists()


def test_a_broken_environment_of_ours_is_made_anew(stamped):
    stamped.python.unlink()
    stamped.python.write_text("#!/bin/sh\nexit 1\n")
    stamped.python.chmod(0o755)

    assert install.venv_state(stamped) == "the environment no longer works"


def test_a_checkout_one_may_not_write_to_is_told(open_folder, python):
    open_folder.chmod(0o555)
    code = """
        import sys
        from pathlib import Path
        from deploy.tandem import install, place, say
        try:
            install.make_venv(place.Place(root=Path(sys.argv[1])), Path("/dev/null"))
        except say.Trouble as trouble:
            sys.exit(say.tell(trouble))
    """

    answer = python(code, str(open_folder), ordinary_user=True)

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"The virtual environment {open_folder}/.venv cannot be made: permission denied.")


# a Python without the parts that make environments


def test_a_python_without_venv_is_told_which_package_to_install(place, monkeypatch):
    monkeypatch.setattr(install, "has_module", lambda name: name == "venv")  # Debian splits ensurepip away
    monkeypatch.setattr(install, "base_pip", lambda: False)
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(Trouble, match="lacks the parts that make virtual environments") as trouble:
        install.create(place, place.log / "setup.log")

    assert "apt install python3.11-venv" in trouble.value.remedy


# two at once


def test_a_second_set_up_waits_for_the_first(place, python):
    code = """
        import sys
        from pathlib import Path
        from deploy.tandem import install, place
        with install.only_one(place.Place(root=Path(sys.argv[1]))):
            print("had the lock")
    """
    with install.only_one(place):
        waiting = subprocess.Popen(
            [
                sys.executable,
                "-u",
                "-c",
                "import textwrap, sys; exec(textwrap.dedent(sys.argv.pop(1)))",
                code,
                place.root,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        first = waiting.stdout.readline()
    rest, _ = waiting.communicate(timeout=30)

    assert first == "Another set-up is at work in this folder; waiting for it.\n"
    assert rest == "had the lock\n"


# pip's own configuration


def test_pips_configuration_is_handed_to_uv_and_the_environment_wins():
    listing = "\n".join(
        [
            "global.cert='/etc/ssl/ca.pem'",
            "global.find-links='/wheels'",
            "install.find-links='\\n/more\\n/even/more'",
            ":env:.index-url='https://mirror.example/simple'",
            "install.index-url='https://old.example/simple'",
            "global.trusted-host='mirror.example'",
            "download.no-index='true'",
            "nonsense",
        ]
    )

    config = install.PipConfig.parse(listing)

    assert config.for_uv() == [
        *("--default-index", "https://mirror.example/simple"),
        *("--find-links", "/more", "--find-links", "/even/more"),
        *("--allow-insecure-host", "mirror.example"),
    ]
    assert config.environment() == {"SSL_CERT_FILE": "/etc/ssl/ca.pem"}


def test_no_index_keeps_uv_off_the_network():
    config = install.PipConfig.parse(
        ":env:.no-index='1'\n:env:.find-links='/wheels'\nglobal.index-url='https://x.example'"
    )

    assert config.for_uv() == ["--no-index", "--find-links", "/wheels"]


def test_a_wheel_in_a_local_folder_is_seen(tmp_path):
    (tmp_path / "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl").touch()
    config = install.PipConfig(find_links=[str(tmp_path), "https://wheels.example"])

    assert config.offers("torch")
    assert not config.offers("numpy")


# the CPU build of torch


@pytest.fixture
def calls(monkeypatch):
    """The commands that would install torch, instead of running them."""
    seen: list[list[str]] = []
    monkeypatch.setattr(install, "run", lambda command, log, name, extra=None: seen.append(command) or 0)
    return seen


@pytest.mark.parametrize(
    ("setting", "config", "expected"),
    [
        ("none", install.PipConfig(), None),
        ("https://cpu.example/whl", install.PipConfig(), "https://cpu.example/whl"),
        ("https://cpu.example/whl", install.PipConfig(index="https://mirror.example"), "https://cpu.example/whl"),
        ("auto", install.PipConfig(index="https://mirror.example"), None),
        ("auto", install.PipConfig(no_index=True), None),
    ],
)
def test_torch_is_looked_for_where_the_setting_says(place, calls, setting, config, expected):
    place = Place(root=place.root, values={"TANDEM_TORCH_INDEX": setting})

    install.torch_first(place, config, ["pip"], place.venv / "bin" / "uv", place.log / "setup.log")

    assert [command[-2:] for command in calls] == ([[expected, "torch==2.13.0"]] if expected else [])


def test_without_uv_pip_gets_torch_from_the_named_index(place, calls):
    place = Place(root=place.root, values={"TANDEM_TORCH_INDEX": "https://cpu.example/whl"})

    install.torch_first(place, install.PipConfig(), ["pip", "install"], None, place.log / "setup.log")

    assert calls[0][-3:] == ["--index-url", "https://cpu.example/whl", "torch==2.13.0"]


# why it failed


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("error: failed to lookup address information: Name or service not known", "No package index can be reached"),
        ("ERROR: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: No matching distribution found for torch==2.13.0", "lacks one of the locked versions"),
        ("PermissionError: [Errno 13] Permission denied: '/x'", "A file may not be written"),
        ("something new", "The packages could not be installed."),
    ],
)
def test_a_failed_installation_is_explained_in_one_sentence(place, written, expected):
    log = place.log / "setup.log"
    log.write_text("Traceback (most recent call last):\n" + written)

    trouble = install.explain(place, log, "The packages could not be installed.")

    assert expected in trouble.sentence
    assert "var/log/setup.log" in trouble.remedy or "free about 6 GB" in trouble.remedy
    assert "Traceback" not in trouble.sentence + trouble.remedy


# the real thing, on packages of our own


@pytest.fixture
def wheels(tmp_path):
    """A folder with one tiny wheel in it."""
    import zipfile

    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "tiny-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "answer = 42\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return folder


def offline(monkeypatch, find_links=""):
    """No package index answers: the address is a closed port on loopback."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    if find_links:
        monkeypatch.setenv("PIP_FIND_LINKS", str(find_links))


@pytest.mark.slow
def test_no_network_with_nothing_installed_is_told_and_leaves_no_stamp(place, monkeypatch):
    (place.root / "requirements.lock").write_text("tiny==1.0\n")
    offline(monkeypatch)

    with pytest.raises(Trouble) as trouble:
        install.ensure(place)

    assert "No package index can be reached from here" in trouble.value.sentence
    assert "PIP_FIND_LINKS" in trouble.value.remedy
    assert not install.fits(place, dev=False)
    assert install.venv_state(place) == "an earlier set-up was interrupted"
    assert "requirements.lock" not in (place.log / "setup.log").read_text()  # not tried package by package


@pytest.mark.slow
def test_an_interrupted_set_up_is_made_anew_and_pip_is_the_fallback(place, wheels, monkeypatch, capsys):
    (place.root / "requirements.lock").write_text("tiny==1.0\n")
    offline(monkeypatch, wheels)
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # uv is not in the folder, so pip must do it
    place.venv.mkdir()
    (place.venv / install.BEGUN).touch()
    (place.venv / "half-written").touch()

    first, second = install.ensure(place), install.ensure(place)

    assert (first, second) == (True, False)
    assert "an earlier set-up was interrupted; making it anew" in capsys.readouterr().out
    assert not (place.venv / "half-written").exists()
    answer = subprocess.run([place.python, "-c", "import tiny; print(tiny.answer)"], capture_output=True, text=True)
    assert answer.stdout == "42\n"
    assert install.read_stamp(place)["python"] == python_version()
