"""The demo's input, made from what every installation has. Run by the virtual environment's Python, because it needs
scikit-learn and Pillow: `python -m deploy.tandem.demo_data FOLDER`. The files are the same on every run, byte by byte.
"""

import io
import sys
import zipfile
from pathlib import Path

TEXT, DIGITS = "python-language-reference.txt", "handwritten-digits.zip"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold


def language_reference() -> str:
    """The Python language reference that ships with CPython: about 0.5 MB of English."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name].strip() for name in sorted(topics)) + "\n"


def digit_scans(target: Path) -> int:
    """A zip of scikit-learn's 1,797 8x8 scans as grey PNGs, one folder per digit. Returns their number."""
    from PIL import Image
    from sklearn.datasets import load_digits

    scans = load_digits()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # PNGs are compressed already
        for number, (pixels, label) in enumerate(zip(scans.images, scans.target, strict=True)):
            buffer = io.BytesIO()
            grey = (pixels * (255 / 16)).round().astype("uint8")  # the scans have 17 levels
            Image.fromarray(grey).save(buffer, format="PNG", optimize=False)
            archive.writestr(zipfile.ZipInfo(f"{label}/{number:04d}.png", EPOCH), buffer.getvalue())
    return len(scans.target)


def make(folder: Path) -> None:
    """Write both files, each appearing whole."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / TEXT
    if not text.exists():
        beside = text.with_suffix(".new")
        beside.write_text(language_reference(), encoding="utf-8")
        beside.replace(text)
    digits = folder / DIGITS
    if not digits.exists():
        beside = digits.with_suffix(".new")
        digit_scans(beside)
        beside.replace(digits)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
