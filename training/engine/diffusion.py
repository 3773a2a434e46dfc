"""Noise that is put into images and taken out again: the cosine schedule, DDPM and DDIM."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

TIMES = 1_000
MOST = 0.999  # of the variance that one time adds
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": TIMES,
    "beta_schedule": "squaredcos_cap_v2",
    "clip_sample": True,
    "clip_sample_range": 1.0,
    "prediction_type": "epsilon",
    "set_alpha_to_one": True,
    "timestep_spacing": "leading",
    "steps_offset": 0,
}


def kept() -> Tensor:
    """(TIMES,): the share of the variance of an image that is left at each time, `alpha bar`.

    Nichol and Dhariwal 2021, “Improved Denoising Diffusion Probabilistic Models”, equation 17.
    """

    def bar(time: float) -> float:
        return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - bar((n + 1) / TIMES) / bar(n / TIMES), MOST) for n in range(TIMES)]
    return (1 - torch.tensor(betas, dtype=torch.float32)).cumprod(0)


def noised(images: Tensor, noise: Tensor, left: Tensor) -> Tensor:
    """Images with noise in them, `left` of their variance each."""
    left = left.view(-1, 1, 1, 1)
    return left.sqrt() * images + (1 - left).sqrt() * noise


def draw(
    tell: Callable[[Tensor, int], Tensor], start: Tensor, steps: int, eta: float, generator: torch.Generator
) -> Tensor:
    """Images, from -1 to 1, of pure noise: at each of so many times, what `tell` takes for noise is taken out.

    Song et al. 2021, “Denoising Diffusion Implicit Models”, equations 12 and 16. With `eta` 0 nothing is drawn anew
    (DDIM); with 1 and all times it is the ancestral sampling of Ho et al. 2020 (DDPM).
    """
    shares, found = kept().tolist(), start
    times = [n * TIMES // steps for n in range(steps)]  # evenly, so that the first is nearly all noise
    for time, before in zip(reversed(times), [*reversed(times[:-1]), None], strict=True):
        now, then = shares[time], 1.0 if before is None else shares[before]
        noise = tell(found, time)
        image = ((found - (1 - now) ** 0.5 * noise) / now**0.5).clamp(-1, 1)
        deviation = eta * ((1 - then) / (1 - now) * (1 - now / then)) ** 0.5
        if eta:
            # What was clipped is no noise, or as much would be put in again.
            noise = (found - now**0.5 * image) / (1 - now) ** 0.5
        found = then**0.5 * image + max(0.0, 1 - then - deviation**2) ** 0.5 * noise
        if deviation > 0:
            fresh = torch.randn(start.shape, generator=generator)
            found = found + deviation * fresh.to(found.device)
    return found.clamp(-1, 1)
