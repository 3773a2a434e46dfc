"""How many processes with how many threads a run gets, and in which numbers it computes."""

from typing import Any

import pytest
import torch

from tests.training.engine.conftest import tiny
from training.engine import device
from training.engine.contract import Spec
from training.engine.errors import EngineError

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


def spec_of(**changes: Any) -> Spec:
    return Spec.from_json(tiny("causal-lm", **changes))


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [((3.0, 1.9), "bf16"), ((3.0, 2.0), "fp32"), ((1.0, 4.0), "fp32")],  # it has to be more than half again as fast
)
def test_auto_takes_bf16_where_it_is_much_faster(
    seconds: tuple[float, float], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = dict(zip((torch.float32, torch.bfloat16), seconds, strict=True))
    monkeypatch.setattr(device, "_product_time", times.__getitem__)
    assert device.choose_dtype(spec_of(train__dtype="auto"), CPU) == chosen
    for asked in ("fp32", "bf16"):
        assert device.choose_dtype(spec_of(train__dtype=asked), CPU) == asked


@pytest.mark.parametrize("number", [0, 7, 2**63 - 1])
def test_chance_begins_as_torch_lets_it_begin(number: int) -> None:
    torch.manual_seed(number)
    wanted = torch.rand(4)
    device.seed(number, CPU)
    assert torch.equal(torch.rand(4), wanted)


@pytest.mark.parametrize(("able", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_asks_a_gpu_what_it_can(able: bool, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: able)
    assert device.choose_dtype(spec_of(train__dtype="auto"), CUDA) == chosen


@pytest.mark.parametrize(
    ("cpus", "threads", "batch", "there", "wanted"),
    [
        (1, None, 8, 4, (1, 1)),
        (4, None, 8, 4, (4, 1)),
        (4, None, 2, 4, (2, 2)),  # a process without a row has nothing to do
        (4, 3, 8, 4, (3, 1)),
        (16, None, 8, 2, (2, 1)),  # there are no more
        (64, None, 100, 64, (8, 8)),  # more processes wait for each other longer than they gain
    ],
)
def test_a_processor_is_a_process(
    cpus: int, threads: int | None, batch: int, there: int, wanted: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(device.os, "cpu_count", lambda: there)
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    chosen, team = device.choose_device(spec_of(resources__cpus=cpus, train__threads=threads, train__batch=batch))
    assert (chosen, team.ranks, told) == (CPU, wanted[0], [wanted[1]])


def test_a_gpu_that_is_not_there_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EngineError) as caught:
        device.choose_device(spec_of(resources={"cpus": 1, "gpus": 1}))
    assert caught.value.reason == "device_missing"


def test_the_place_among_the_processes_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert (device.ranks_started(), device.rank_of_start()) == (1, 0)
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert (device.ranks_started(), device.rank_of_start()) == (4, 3)


@pytest.mark.parametrize(
    ("image", "changes", "ranks"),
    [
        (16, {"batch": 8}, 4),
        (16, {"batch": 5}, 2),
        (16, {"batch": 8, "micro": 4}, 2),
        (16, {"batch": 8, "micro": 3}, 1),
        (17, {"batch": 5}, 4),
        (17, {"batch": 8, "micro": 3}, 4),
    ],
)
def test_each_process_has_two_small_images_at_once(
    image: int, changes: dict[str, int], ranks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    train = {f"train__{name}": value for name, value in changes.items()}
    spec = Spec.from_json(tiny("image-classification", model__image=image, resources__cpus=4, **train))
    assert device.choose_device(spec)[1].ranks == ranks
