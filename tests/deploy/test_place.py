"""Settings that count before Django can be asked, and the data folder."""

import os

import pytest

from deploy.tandem.place import Place, check_data_folder, read_dotenv
from deploy.tandem.say import Trouble


def test_dotenv_lines_are_read_as_django_environ_reads_them(tmp_path):
    file = tmp_path / ".env"
    file.write_text("# a comment\nTANDEM_WEB_PORT=9000\nexport A=\"b c\"\nB='d'  \nC=e # why\n\nnonsense\n=x\n")

    expected = {"TANDEM_WEB_PORT": "9000", "A": "b c", "B": "d", "C": "e"}
    assert read_dotenv(file) == expected


def test_the_environment_wins_over_dotenv(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("TANDEM_WEB_PORT=9000\nTANDEM_TRACKING_PORT=9001\n")
    monkeypatch.setenv("TANDEM_WEB_PORT", "9500")
    monkeypatch.delenv("TANDEM_TRACKING_PORT", raising=False)

    place = Place.here(tmp_path)

    assert (place.port("TANDEM_WEB_PORT", 8000), place.port("TANDEM_TRACKING_PORT", 8001)) == (9500, 9001)


@pytest.mark.parametrize("text", ["eighty", "0", "65536", "-1", "8000.5", "٨٠٠٠"])
def test_a_bad_port_is_named(tmp_path, monkeypatch, text):
    monkeypatch.delenv("TANDEM_WEB_PORT", raising=False)
    (tmp_path / ".env").write_text(f"TANDEM_WEB_PORT={text}\n", encoding="utf-8")

    with pytest.raises(Trouble) as trouble:
        Place.here(tmp_path).port("TANDEM_WEB_PORT", 8000)

    assert "TANDEM_WEB_PORT" in trouble.value.sentence
    assert str(tmp_path / ".env") in trouble.value.remedy


def test_a_dotenv_that_is_no_text_is_told(tmp_path):
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00A")

    with pytest.raises(Trouble, match="not a UTF-8 text file"):
        read_dotenv(tmp_path / ".env")


def test_switches_are_on_only_when_they_say_so():
    place = Place(values={"ONCE": "1", "JSON": "0", "AGAIN": ""})

    assert [place.wants(name) for name in ("ONCE", "JSON", "AGAIN", "OTHER")] == [True, False, False, False]


def test_the_data_folder_is_made_and_left_clean(tmp_path):
    place = Place(root=tmp_path, values={"TANDEM_DATA_DIR": "a/b"})

    check_data_folder(place)

    assert sorted(os.listdir(place.data)) == ["log"]
    assert os.listdir(place.log) == []


def test_a_file_in_the_place_of_the_data_folder_is_told(tmp_path):
    (tmp_path / "var").write_text("")

    with pytest.raises(Trouble, match="cannot write to its data folder") as trouble:
        check_data_folder(Place(root=tmp_path))

    assert "TANDEM_DATA_DIR" in trouble.value.remedy


def test_an_ordinary_user_without_rights_is_told_the_folder_and_the_remedy(tmp_path, python):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o755)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    if os.geteuid() != 0:
        locked.chmod(0o555)
    code = """
        import sys
        from pathlib import Path
        from deploy.tandem import place, say
        try:
            place.check_data_folder(place.Place(root=Path("/"), values={"TANDEM_DATA_DIR": sys.argv[1]}))
        except say.Trouble as trouble:
            sys.exit(say.tell(trouble))
    """

    answer = python(code, str(locked / "var"), ordinary_user=True)

    assert answer.returncode == 2
    assert answer.stderr.startswith(f"Tandem cannot write to its data folder {locked / 'var'}.")
    assert "TANDEM_DATA_DIR" in answer.stderr
    assert "Traceback" not in answer.stderr
