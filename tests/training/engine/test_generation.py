"""Images out of noise: learnt, drawn by their label, the same as diffusers draws, and loaded by it."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.engine.conftest import MakeRun, Run, image_blob, profile_for, tiny
from training.engine.__main__ import main
from training.engine.contract import DONE
from training.engine.diffusion import SCHEDULER, draw, kept
from training.engine.package import load_net
from training.engine.predict import Predictor

SPECS = {
    "dit": {"train__max_steps": 120, "train__lr": 4e-3}
    | {"model": {"arch": "dit", "size": "nano", "layers": 2, "width": 64, "image": 16, "patch": 4}},
    "unet": {"train__max_steps": 160, "train__lr": 5e-3}
    | {"model": {"arch": "unet", "size": "nano", "width": 16, "image": 8}},
}
CLASSES = {"dit": "transformers.dit_transformer_2d.DiTTransformer2DModel", "unet": "unets.unet_2d.UNet2DModel"}


@pytest.fixture(scope="module", params=SPECS)
def learnt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    spec = tiny("image-generation", train__batch=16, eval__every_steps=200, eval__samples=3, **SPECS[request.param])
    folder = tmp_path_factory.mktemp("runs") / "run"
    run = Run(folder, spec, image_blob(), "images", profile_for("image-generation"))
    assert run.go() == DONE, run.log
    return run


def pixels_of(answer: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["png"])))).astype(float)


def is_right(pixels: np.ndarray) -> bool:
    half = pixels.shape[1] // 2
    return pixels[:, half:].mean() > pixels[:, :half].mean()


def test_noise_is_told_and_labels_are_drawn(learnt: Run) -> None:
    last = learnt.of("done")[0]
    told, trivial = last["metrics"], last["baseline"]["metrics"]
    assert last["baseline"]["name"] == "best multiple of the noisy image"
    # To tell no noise at all would cost 1.
    assert told["test/loss"] < 0.5 * trivial["test/loss"] < 0.5
    assert told["test/explained"] > 0.5 > trivial["test/explained"] == 0
    answers = list(Predictor(learnt.folder / "out")(["left", "right"] * 4))
    drawn = [pixels_of(answer) for answer in answers]
    right = [is_right(pixels) for pixels in drawn]
    assert right == [False, True] * 4
    assert np.std(np.stack(drawn[::2]), 0).mean() > 1  # each is another
    shown = learnt.of("sample")[-3:]
    assert [sample["prompt"] for sample in shown] == ["left", "right", "left"]
    assert [is_right(pixels_of(sample)) for sample in shown] == [False, True, False]


def test_package_loads_in_diffusers(learnt: Run) -> None:
    import importlib

    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    out = learnt.folder / "out"
    arch = json.loads((out / "spec.json").read_text())["model"]["arch"]
    module, _, name = f"diffusers.models.{CLASSES[arch]}".rpartition(".")
    theirs = getattr(importlib.import_module(module), name).from_pretrained(out, local_files_only=True).eval()
    side = theirs.config.sample_size
    given = torch.randn(2, 1, side, side), torch.tensor([10, 900]), torch.tensor([1, 2])
    with torch.no_grad():
        torch.testing.assert_close(theirs(*given).sample, load_net(out)(*given).sample)
    assert DDIMScheduler.from_pretrained(out).config.beta_schedule == SCHEDULER["beta_schedule"]


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_drawing_is_that_of_diffusers(eta: float) -> None:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    def tell(images: torch.Tensor, time: int) -> torch.Tensor:
        return (images * 0.8 + time / 3_000).sin()

    config = {name: value for name, value in SCHEDULER.items() if name[0] != "_"}
    steps = 20 if eta == 0 else 1_000
    if eta:
        for name in ("set_alpha_to_one", "steps_offset"):
            config.pop(name)
        scheduler: Any = DDPMScheduler(**config, variance_type="fixed_small")
    else:
        scheduler = DDIMScheduler(**config)
    torch.testing.assert_close(kept(), scheduler.alphas_cumprod, rtol=1e-4, atol=1e-6)
    start = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    scheduler.set_timesteps(steps)
    chance, found = torch.Generator().manual_seed(2), start
    for time in scheduler.timesteps:
        found = scheduler.step(tell(found, int(time)), int(time), found, generator=chance).prev_sample
    ours = draw(tell, start, steps, eta, torch.Generator().manual_seed(2))
    torch.testing.assert_close(ours, found.clamp(-1, 1), rtol=1e-3, atol=1e-3)


def test_a_drawing_is_asked_for_in_words(learnt: Run, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    predictor = Predictor(learnt.folder / "out")
    asked = {"label": "left", "seed": 5, "steps": 8}
    one, again, other = predictor([asked, dict(asked), asked | {"seed": 6}])
    assert one == again != other
    for wrong, said in (
        ("above", "this model draws left, right"),
        ({"label": "left", "size": 3}, "a drawing has no size"),
        ({"label": "left", "seed": True}, "the seed is a whole number"),
        ({"label": "left", "steps": 2_000}, "steps are a whole number from 1 to 1,000"),
        ({"label": "left", "eta": 1.5}, "eta is from 0 to 1"),
        ({"label": "left", "guidance": "2"}, "guidance from 0 to 20"),
        ({"label": ["left"]}, "this model draws"),
    ):
        with pytest.raises(ValueError, match=said):
            list(predictor([wrong]))
    lines = tmp_path / "asked.jsonl"
    lines.write_text(json.dumps(asked) + "\n")
    assert main(["predict", str(learnt.folder / "out"), str(lines), "--out", str(tmp_path / "drawn")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"label": "left", "file": str(tmp_path / "drawn" / "0001.png")}
    assert (tmp_path / "drawn" / "0001.png").read_bytes() == base64.b64decode(one["png"])


def test_images_without_labels_are_drawn_too(make_run: MakeRun) -> None:
    for arch in ("unet", "dit"):
        model = {"arch": arch, "size": "nano", "width": 16, "image": 8, "layers": 1}
        run = make_run(arch, tiny("image-generation", model=model, train__max_steps=2, eval__samples=0), classes={})
        assert run.go() == DONE, run.log
        (answer,) = Predictor(run.folder / "out")([""])
        assert set(answer) == {"png"} and pixels_of(answer).shape == (8, 8)
