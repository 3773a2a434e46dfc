"""What tasks on images share: all images at one size in one file of bytes, scaled by mean and deviation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.readers import Look, decode_image, read_images
from training.engine.tasks import base

GREY_MODES = {"1", "L", "LA", "I;16"}
STATISTICS_ROWS = 5_000
SHIFT_SHARE = 8
PROCESSOR = "preprocessor_config.json"


class Images(base.Task):
    """Pixels as bytes (channels, side, side), and the file names."""

    unit = "images"
    parts: dict[str, np.ndarray]
    read_as: dict[str, Any] | None = None  # how the model that it starts from reads images

    def begin_with(self, folder: Path) -> None:
        """Read images as that model does, whatever these ones are like: its weights have learnt to see them so."""
        found = json.loads((folder / PROCESSOR).read_text()) if (folder / PROCESSOR).exists() else {}
        if "image_mean" in found and "image_std" in found:
            self.read_as = _read_as(found)

    def prepare_key(self) -> dict[str, Any]:
        return {"image": self.shape.image} | ({"read_as": self.read_as} if self.read_as else {})

    def channels_of(self, data: InputData) -> int:
        """Those of the start; else 1 where all images are grey, and 3 where they are not."""
        if self.read_as is not None:
            return len(self.read_as["mean"])
        modes = (data.profile.get("image") or {}).get("modes") or ["RGB"]
        return 1 if set(modes) <= GREY_MODES else 3

    def write_pixels(self, data: InputData, folder: Path, *, labelled: bool) -> tuple[list[str], dict[str, Any]]:
        """Write all images, or those with a label; returns (labels, facts)."""
        channels = self.channels_of(data)
        side = self.shape.image or 32
        names, labels = [], []
        with (folder / "pixels.bin").open("wb") as file:
            look = look_of(self.read_as or {})
            found = read_images(Path(data.path), side, channels, data.profile, self.stop, labelled=labelled, look=look)
            for name, label, pixels in found:
                file.write(pixels.tobytes())
                names.append(name)
                labels.append(label)
        if not names:
            raise DataError("data_shape", problem=f"it holds no image{' with a label' if labelled else ''}")
        (folder / "names.json").write_text(json.dumps(names))
        self.tell_files(data, "image", names)
        return labels, {"channels": channels, "side": side, "count": len(names)}

    def statistics(self, folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
        """Mean and deviation of each channel: of the start, or in the training part, whose split is written."""
        if self.read_as is not None:
            return dict(self.read_as)
        shape = (facts["count"], facts["channels"], facts["side"], facts["side"])
        pixels = np.memmap(folder / "pixels.bin", np.uint8, "r", shape=shape)
        train = np.load(folder / "train.npy")
        some = pixels[train[base.spaced(len(train), STATISTICS_ROWS)]] / np.float32(255)
        return {
            "mean": [round(float(m), 6) for m in some.mean((0, 2, 3))],
            "deviation": [round(max(1e-3, float(s)), 6) for s in some.std((0, 2, 3))],
        }

    def open_pixels(self, folder: Path, facts: dict[str, Any]) -> None:
        """Read what `write_pixels` wrote."""
        self.facts = facts
        shape = (facts["count"], facts["channels"], facts["side"], facts["side"])
        self.pixels = np.memmap(folder / "pixels.bin", np.uint8, "r", shape=shape)
        self.names: list[str] = json.loads((folder / "names.json").read_text())

    def scaled(self, pixels: np.ndarray) -> Tensor:
        """Bytes as the numbers that the net reads, on the device."""
        found = torch.from_numpy(pixels).to(self.device, non_blocking=True).float().div_(255)
        mean = torch.tensor(self.facts["mean"], device=self.device).view(-1, 1, 1)
        deviation = torch.tensor(self.facts["deviation"], device=self.device).view(-1, 1, 1)
        return (found - mean) / deviation

    def file_of(self, part: str, item: int) -> str | None:
        return self.names[self.parts[part][item]]

    def describe(self, item: int) -> str:
        """The file name."""
        return self.names[item]

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        found = json.loads((folder / PROCESSOR).read_text())
        side = found["size"].get("height") or found["size"]["shortest_edge"]
        self.facts = _read_as(found) | {"side": side, "channels": config["num_channels"]}

    def new_pixels(self, inputs: list[Any]) -> Tensor:
        """Image files as the net reads them. Raises ValueError."""
        found, look = [], look_of(self.facts)
        for path in inputs:
            try:
                found.append(decode_image(Path(path).read_bytes(), self.facts["side"], self.facts["channels"], look))
            except ValueError as error:
                raise ValueError(f"{Path(path).name}: {error}") from None
            except TypeError:
                raise ValueError("this model reads PNG, JPEG or WebP files") from None
        return self.scaled(np.stack(found))

    def package(self, folder: Path) -> dict[str, Any]:
        processor = processor_of(self.facts["side"], look_of(self.facts), self.facts["mean"], self.facts["deviation"])
        (folder / PROCESSOR).write_text(json.dumps(processor, indent=2) + "\n")
        return {}

    def name_processor(self, folder: Path, kind: str, **more: Any) -> None:
        """Name another class of transformers that reads images so."""
        processor = json.loads((folder / PROCESSOR).read_text()) | {"image_processor_type": kind} | more
        (folder / PROCESSOR).write_text(json.dumps(processor, indent=2) + "\n")


def _read_as(processor: dict[str, Any]) -> dict[str, Any]:
    """What a processor says that facts of prepared images say too; how images are made square, where not as here."""
    middle = 1.0 if processor.get("do_center_crop") else None
    look = {"resample": processor.get("resample", 2), "crop": processor.get("crop_pct", middle)}
    own = {name: value for name, value in look.items() if value != Look()._asdict()[name]}
    return {"mean": processor["image_mean"], "deviation": processor["image_std"]} | own


def look_of(facts: dict[str, Any]) -> Look:
    """How images become squares."""
    return Look(facts.get("resample", 2), facts.get("crop"))


def processor_of(side: int, look: Look, mean: list[float], deviation: list[float]) -> dict[str, Any]:
    """How transformers makes of an image what the net sees."""
    size = {"height": side, "width": side} if look.crop is None else {"shortest_edge": side}
    crop: dict[str, Any] = {} if look.crop is None else {"crop_pct": look.crop}
    kind = "ViTImageProcessor" if look.crop is None else "ConvNextImageProcessor"
    if look.crop == 1:
        kind, crop = "CLIPImageProcessor", {"do_center_crop": True, "crop_size": {"height": side, "width": side}}
    return {
        "image_processor_type": kind,
        "do_resize": True,
        "size": size,
        "resample": look.resample,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "do_convert_rgb": len(mean) == 3,
        "image_mean": mean,
        "image_std": deviation,
    } | crop


def moves(count: int, side: int, chance: np.random.Generator) -> np.ndarray:
    """How far each image is moved, (up and left, images): an eighth of its side at most."""
    most = side // SHIFT_SHARE
    return chance.integers(-most, most + 1, size=(2, count))


def moved(pixels: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Each image moved by its `moves`, edges repeated; works for scans, photos and symbols alike."""
    count, channels, side, _ = pixels.shape
    rows = (np.arange(side) + steps[0, :, None]).clip(0, side - 1)
    columns = (np.arange(side) + steps[1, :, None]).clip(0, side - 1)
    number = np.arange(count)[:, None, None, None]
    channel = np.arange(channels)[None, :, None, None]
    return pixels[number, channel, rows[:, None, :, None], columns[:, None, None, :]]
