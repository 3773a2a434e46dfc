"""Fetch the browser assets that Tandem ships: one command to add or upgrade one.

    python deploy/vendor_assets.py          # needs npm; nothing at run time does

Every asset is taken unchanged from its published package except for the trailing source-map comment, which names a
file we do not ship. The icon sprite holds only the icons of ICONS. Checksums of all files go to CHECKSUMS.txt beside
them; `tests/house/test_vendored_assets.py` compares.
"""

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static" / "vendor"
TESTS = ROOT / "tests" / "browser" / "vendor"

# (package, version, folder, {file in the package: name here})
PACKAGES = [
    (
        "bootstrap",
        "5.3.9",
        STATIC / "bootstrap",
        {
            "dist/css/bootstrap.min.css": "bootstrap.min.css",
            "dist/js/bootstrap.bundle.min.js": "bootstrap.bundle.min.js",
            "LICENSE": "LICENSE",
        },
    ),
    (
        "uplot",
        "1.6.32",
        STATIC / "uplot",
        {
            "dist/uPlot.iife.min.js": "uPlot.iife.min.js",
            "dist/uPlot.min.css": "uPlot.min.css",
            "LICENSE": "LICENSE",
        },
    ),
    (
        "cytoscape",
        "3.34.4",
        STATIC / "cytoscape",
        {"dist/cytoscape.min.js": "cytoscape.min.js", "LICENSE": "LICENSE"},
    ),
    (
        "@fontsource-variable/inter",
        "5.3.0",
        STATIC / "inter",
        {"files/inter-latin-wght-normal.woff2": "inter-latin-wght-normal.woff2", "LICENSE": "LICENSE"},
    ),
    (
        "axe-core",
        "4.14.1",
        TESTS / "axe-core",
        {"axe.min.js": "axe.min.js", "LICENSE": "LICENSE", "LICENSE-3RD-PARTY.txt": "LICENSE-3RD-PARTY.txt"},
    ),
]

ICON_PACKAGE = ("bootstrap-icons", "1.13.2", STATIC / "bootstrap-icons")
ICONS = """
arrow-clockwise arrow-counterclockwise arrow-down arrow-left arrow-right arrow-up arrow-repeat archive award bar-chart
bell body-text box box-seam box-arrow-in-right box-arrow-right box-arrow-up-right braces briefcase building calendar3
calendar-event card-image card-list card-text chat-left-text check check2 check-circle check-circle-fill check2-all
chevron-down chevron-left chevron-right chevron-up circle circle-fill circle-half clipboard clipboard-check clock
clock-history cloud-arrow-up code-slash collection columns-gap compass cpu dash-circle database database-add
diagram-3 download envelope exclamation-circle exclamation-octagon exclamation-triangle eye eye-slash
file-earmark file-earmark-check file-earmark-text file-earmark-zip files filter flag folder gear gpu-card
graph-down graph-up grid-3x3-gap hand-thumbs-up hash hourglass-split house hourglass image inbox info-circle
journal-text key laptop layers life-preserver lightning-charge link-45deg list list-check list-ul lock mortarboard
moon-stars pause-circle pause-fill patch-check pen pencil people person person-badge person-circle person-plus
play-circle play-fill plug plus plus-lg plus-circle question-circle receipt rocket-takeoff save scissors search send
server shield-check shield-exclamation shield-lock sign-turn-right slash-circle sliders speedometer2 stars stop-circle
stop-fill sun tag tags terminal three-dots three-dots-vertical translate trash trophy unlock upload x x-circle
x-circle-fill x-lg x-octagon
"""

SOURCE_MAP = re.compile(rb"\n?(?:/\*|//)# sourceMappingURL=\S+?(?:\s*\*/)?\s*$")


def unpack(*, package: str, version: str, into: Path) -> Path:
    """Download one published package and return the folder with its files."""
    into.mkdir(parents=True)
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{package}@{version}"], cwd=into, check=True, capture_output=True, text=True
    )
    with tarfile.open(into / packed.stdout.strip().splitlines()[-1]) as tar:
        tar.extractall(into, filter="data")
    return into / "package"


def copy_files(*, source: Path, target: Path, files: dict[str, str]) -> None:
    """Copy the chosen files, without their source-map comment."""
    target.mkdir(parents=True, exist_ok=True)
    for inside, name in files.items():
        (target / name).write_bytes(SOURCE_MAP.sub(b"\n", (source / inside).read_bytes()))


def write_sprite(*, source: Path, target: Path) -> None:
    """Join the chosen icons into one SVG file of symbols, addressed as icons.svg#name."""
    target.mkdir(parents=True, exist_ok=True)
    symbols = []
    for name in sorted(set(ICONS.split())):
        svg = (source / "icons" / f"{name}.svg").read_text()
        inner = re.search(r"<svg[^>]*>(.*)</svg>", svg, re.DOTALL).group(1)
        inner = re.sub(r"\s*\n\s*", "", inner)
        symbols.append(f'<symbol id="{name}" viewBox="0 0 16 16" fill="currentColor">{inner}</symbol>')
    body = "\n".join(symbols)
    (target / "icons.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>\n')
    (target / "LICENSE").write_bytes((source / "LICENSE").read_bytes())


def write_checksums(folder: Path) -> None:
    """List the sha256 of every file below the folder, in the format of `sha256sum -c`."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "CHECKSUMS.txt"
    ]
    (folder / "CHECKSUMS.txt").write_text("\n".join(lines) + "\n")


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        for number, (package, version, target, files) in enumerate(PACKAGES):
            source = unpack(package=package, version=version, into=Path(scratch) / str(number))
            copy_files(source=source, target=target, files=files)
        package, version, target = ICON_PACKAGE
        write_sprite(source=unpack(package=package, version=version, into=Path(scratch) / "icons"), target=target)
    for folder in (STATIC, TESTS):
        write_checksums(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
