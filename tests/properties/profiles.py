"""How long these tests search: a fixed part with every run of the tests, and a long one, drawn anew each time, under `soak`."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example]


def quick(examples: int, steps: int = 50) -> settings:
    """The same examples on every machine, in seconds. What fails is found again by running it again, so nothing is kept."""
    return settings(
        max_examples=examples, stateful_step_count=steps, derandomize=True, database=None, deadline=None, suppress_health_check=_SLOW
    )


def soak(examples: int, steps: int = 50) -> settings:
    """Others each time."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=_SLOW,
        phases=[Phase.generate, Phase.target, Phase.shrink],
    )
