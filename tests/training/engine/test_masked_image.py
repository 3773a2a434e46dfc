"""Masked images: hidden patches are told better than by a mean, and a classifier can begin with what was learnt."""

import hashlib
import io
import json
import zipfile

import numpy as np
import torch
from PIL import Image

from tests.training.engine.conftest import VERSION, MakeRun, tiny
from training.engine.contract import DONE
from training.engine.package import load_net

LEARN = {"train__max_steps": 120, "train__lr": 4e-3, "train__batch": 16, "eval__every_steps": 40, "model__width": 32}


def halves(*, folders: bool) -> bytes:
    """Grey images that are bright on one of four sides; in a folder for each side, or in none."""
    chance, out = np.random.default_rng(23), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for n in range(120):
            pixels = np.full((16, 16), 40.0)
            pixels[:, 8:] = 200
            noise = chance.normal(0, 5, pixels.shape)
            turned = np.rot90(pixels, n % 4) + noise
            file = io.BytesIO()
            Image.fromarray(turned.clip(0, 255).astype(np.uint8)).save(file, "PNG")
            archive.writestr(f"side{n % 4}/{n:03}.png" if folders else f"{n:03}.png", file.getvalue())
    return out.getvalue()


def test_hidden_patches_are_told_and_a_classifier_begins_there(make_run: MakeRun) -> None:
    first = make_run("first", tiny("masked-image", **LEARN), blob=halves(folders=False), classes={}, rows=120)
    assert first.go() == DONE, first.log
    last = first.of("done")[0]
    assert last["metrics"]["test/explained"] > 0.6
    assert last["baseline"]["metrics"]["test/explained"] == 0
    assert last["metrics"]["test/loss"] < 0.5 * last["baseline"]["metrics"]["test/loss"]

    model = {"arch": "vit", "size": "nano", "layers": 1, "width": 32, "image": 16, "patch": 4, "start": VERSION}
    spec = tiny("image-classification", train__max_steps=40, train__lr=5e-3, model=model | {"learn_layers": 0})
    second = make_run("second", spec, blob=halves(folders=True))
    package = first.folder / "out"
    inputs = json.loads((second.folder / "inputs.json").read_text())
    digest = hashlib.sha256((package / "MANIFEST.json").read_bytes()).hexdigest()
    inputs["start"] = {"path": str(package), "manifest_sha256": digest}
    (second.folder / "inputs.json").write_text(json.dumps(inputs))
    assert second.go() == DONE, second.log
    assert second.of("done")[0]["metrics"]["test/accuracy"] > 0.9  # its head alone was learnt
    before, after = load_net(package).state_dict(), load_net(second.folder / "out").state_dict()
    body = [name for name in after if not name.startswith("classifier.")]
    assert len(body) > 15 and all(torch.equal(before[name], after[name]) for name in body)


def test_package_loads_in_transformers(make_run: MakeRun) -> None:
    from transformers import AutoModel, ViTMAEForPreTraining

    run = make_run("run", tiny("masked-image"))
    assert run.go() == DONE, run.log
    out = run.folder / "out"
    pixels, order = torch.randn(2, 1, 16, 16), torch.stack([torch.randperm(16) for _ in range(2)])
    with torch.no_grad():
        theirs = ViTMAEForPreTraining.from_pretrained(out, local_files_only=True).eval()
        told = theirs(pixels, noise=order.argsort(1).float()).logits
        torch.testing.assert_close(told, load_net(out)(pixels, order, 4), rtol=1e-4, atol=1e-5)
    assert AutoModel.from_pretrained(out, local_files_only=True).config.hidden_size == 16
