"""``caiman-gui warm-up``: compile the kernels. The window starts it the first time."""

from __future__ import annotations


def main() -> int:
    """Compile all kernels into the cache."""
    from caiman_gui.pipeline.warm_up import warm_up

    warm_up()
    return 0
