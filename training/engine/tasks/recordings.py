"""What tasks on recordings share: all of them at 16,000 values a second in one file, one behind the other."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.readers import SOUND_ENDINGS, read_members
from training.engine.sounds import RATE, decode_sound
from training.engine.tasks import base


class Recordings(base.Task):
    """Recordings as int16, and the file names."""

    unit = "recordings"
    parts: dict[str, np.ndarray]

    @property
    def room(self) -> int:
        """Values of a recording that the net hears at most."""
        return RATE * (self.shape.seconds or 1)

    def prepare_key(self) -> dict[str, Any]:
        return {"seconds": self.shape.seconds}

    def write_sounds(self, data: InputData, folder: Path, column: str | None, *, cut: bool) -> list[str]:
        """Write all recordings of which the dataset tells `column`, or all there are; returns what it tells.

        Longer ones than there is room for are `cut`, or else named as an error.
        """
        names, told, ends = [], [], [0]
        with (folder / "waves.bin").open("wb") as file:
            for name, answer, raw in read_members(
                Path(data.path), data.profile, "audio", SOUND_ENDINGS, column, self.stop
            ):
                values = self._decoded(name, raw)
                if not cut and len(values) > self.room:
                    problem = f"it is longer than the {self.shape.seconds} seconds that the model hears"
                    raise DataError("data_file", name=name, problem=problem)
                values = values[: self.room]
                file.write(values.tobytes())
                ends.append(ends[-1] + len(values))
                names.append(name)
                told.append(answer)
        if not names:
            raise DataError("data_shape", problem=f"it holds no recording{f' with a {column}' if column else ''}")
        np.save(folder / "edges.npy", np.array(ends, dtype=np.int64))
        (folder / "names.json").write_text(json.dumps(names))
        self.tell_files(data, "audio", names)
        return told

    def _decoded(self, name: str, raw: bytes) -> np.ndarray:
        try:
            return decode_sound(raw)
        except ValueError as error:
            raise DataError("data_file", name=name, problem=str(error)) from None

    def open_sounds(self, folder: Path) -> None:
        """Read what `write_sounds` wrote."""
        self.waves = np.memmap(folder / "waves.bin", np.int16, "r")
        self.edges = np.load(folder / "edges.npy")
        self.names: list[str] = json.loads((folder / "names.json").read_text())

    def wave(self, item: int) -> np.ndarray:
        """A recording, from -1 to 1."""
        return self.waves[self.edges[item] : self.edges[item + 1]].astype(np.float32) / 32_768

    def new_waves(self, inputs: list[Any]) -> list[np.ndarray]:
        """Files of recordings as the net hears them. Raises ValueError."""
        found = []
        for path in inputs:
            try:
                found.append(decode_sound(Path(path).read_bytes()).astype(np.float32) / 32_768)
            except ValueError as error:
                raise ValueError(f"{Path(path).name}: {error}") from None
            except TypeError:
                raise ValueError("this model hears WAV or FLAC files") from None
        return found

    def file_of(self, part: str, item: int) -> str | None:
        return self.names[self.parts[part][item]]

    def describe(self, item: int) -> str:
        """The file name."""
        return self.names[item]
