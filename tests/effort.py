"""How long generated tests search: repeatable and short by default, at random and long when asked."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hypothesis import HealthCheck, settings

LONG = bool(os.environ.get("OAUTH_SIDECAR_TESTS_LONG"))
"""``.ci/long`` sets it: other examples each time, and many more of them."""


def effort(examples: int, *, long: int, steps: int = 50) -> settings:
    """Return the settings of one generated test: so many examples in CI, ``long`` in the long run."""
    quiet: Sequence[HealthCheck] = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
    return settings(
        max_examples=long if LONG else examples,
        derandomize=not LONG,
        database=None,
        deadline=None,
        stateful_step_count=steps,
        suppress_health_check=quiet,
        print_blob=LONG,
    )
