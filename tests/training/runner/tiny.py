"""A job that takes seconds, for tests with real processes."""

import dataclasses

from training.engine.contract import Spec, default_spec


def tiny_spec(version, *, steps: int) -> dict:
    """A GPT of a few thousand parameters: seconds, not minutes."""
    spec: Spec = default_spec("causal-lm", version.profile, str(version.pk))
    return dataclasses.replace(
        spec,
        tokenizer=dataclasses.replace(spec.tokenizer, kind="char", vocab=None),
        model=dataclasses.replace(spec.model, arch="gpt", size="nano", layers=1, heads=2, width=32, context=32),
        train=dataclasses.replace(spec.train, epochs=None, max_steps=steps, batch=4),
        eval=dataclasses.replace(spec.eval, every_steps=max(10, steps // 4), samples=1),
        keep=dataclasses.replace(spec.keep, checkpoint_every_s=1.0),
        resources=dataclasses.replace(spec.resources, cpus=1),
    ).to_json()
