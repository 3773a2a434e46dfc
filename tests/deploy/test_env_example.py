"""`.env.example` is the list of settings that an operator reads: complete, with the true defaults."""

from config.env import VARIABLES
from deploy.tandem.place import ROOT, read_dotenv


def shown(default):
    return ",".join(default) if isinstance(default, list) else str(default)


def test_every_setting_is_in_the_example_with_its_default(tmp_path):
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    as_set = tmp_path / ".env"  # every commented-out variable taken into use
    as_set.write_text("\n".join(line.removeprefix("#") for line in lines if line[:1] == "#" and line[1:2] != " "))

    expected = {name: shown(default) for name, (_, default, _) in VARIABLES.items()}
    assert read_dotenv(as_set) == expected
