"""Stand-ins for the algorithms, so that the order of things can be tested in milliseconds."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.results import (
    Component,
    ComponentSet,
    Metrics,
    MotionResult,
    SummaryImages,
)
from caiman_gui.project.model import ProjectState, RecordingRef

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SHAPE = (40, 16, 12)


class ListContext:
    """Keeps the progress it is told, and is cancelled at will."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.fractions: list[float] = []
        self.messages: list[str] = []
        self._checks_left = stop_at

    def progress(self, done: float, total: float, message: str = "") -> None:
        self.fractions.append(done / total)
        self.messages.append(message)

    def check(self) -> None:
        from caiman_gui.core.task import Cancelled

        if self._checks_left is not None:
            self._checks_left -= 1
            if self._checks_left < 0:
                raise Cancelled


def write_movie(path: Path, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> Path:
    """Write a noise movie as an ImageJ TIFF of 20 Hz and 2 µm per pixel."""
    import tifffile

    movie = np.random.default_rng(seed).integers(0, 999, shape).astype(np.uint16)
    tifffile.imwrite(
        path,
        movie,
        imagej=True,
        resolution=(0.5, 0.5),
        metadata={"axes": "TYX", "unit": "um", "finterval": 0.05},
    )
    return path


def recording(**changes: Any) -> RecordingRef:
    from pathlib import Path

    values: dict[str, Any] = {
        "paths": (Path("day1.tif").absolute(),),
        "n_frames": SHAPE[0],
        "height": SHAPE[1],
        "width": SHAPE[2],
        "dtype": "uint16",
        "fingerprint": "f00d",
        "frame_rate_hz": 20.0,
        "frame_rate_source": "test",
    }
    return RecordingRef(**{**values, **changes})


def a_state(**changes: Any) -> ProjectState:
    return ProjectState(recording=recording(**changes))


def motion_result(shape: tuple[int, int, int] = SHAPE, shift: float = 1.0) -> MotionResult:
    n_frames, height, width = shape
    image = np.ones((height, width), np.float32)
    return MotionResult(
        shifts=np.full((n_frames, 1, 2), shift, np.float32),
        patch_centers_px=np.array([[height / 2, width / 2]], np.float32),
        patch_size_px=np.array([height, width], np.float32),
        template=image,
        correlation=np.ones(n_frames, np.float32),
        correlation_before=np.zeros(n_frames, np.float32),
        mean_before=image,
        mean_after=image,
        valid=image,
    )


def component_set(n: int = 3, shape: tuple[int, int, int] = SHAPE) -> ComponentSet:
    n_frames, height, width = shape
    flat = np.zeros(n_frames, np.float32)
    items = tuple(
        Component(
            id=i,
            pixels=np.array([i, i + width], np.int32),
            weights=np.full(2, 0.5**0.5, np.float32),
            trace=np.arange(n_frames, dtype=np.float32),
            residual=flat,
            activity=flat,
            background=flat + 1,
        )
        for i in range(n)
    )
    return ComponentSet(
        items=items,
        fov_shape=(height, width),
        n_frames=n_frames,
        background_images=np.zeros((1, height * width), np.float32),
        background_traces=np.zeros((1, n_frames), np.float32),
        next_id=n,
    )


class FakeSteps:
    """Counts calls; every step takes no time and gives a plain result."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.raises: dict[str, BaseException] = {}
        self.n_components = 3
        for module, name, function in (
            ("caiman_gui.core.motion", "correct_motion", self._motion),
            ("caiman_gui.core.summary", "summarise", self._summary),
            ("caiman_gui.core.sources", "extract_sources", self._sources),
            ("caiman_gui.core.quality", "measure_quality", self._quality),
            ("caiman_gui.core.traces", "process_traces", self._traces),
        ):
            fake = ModuleType(module)
            spec = find_spec(module)  # what lies inside the package stays as it is
            fake.__path__ = (spec and spec.submodule_search_locations) or []
            setattr(fake, name, function)
            fake.decide = self._decide  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, module, fake)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.raises:
            raise self.raises[name]

    def _motion(self, movie: Any, *, sink: Any, ctx: Any, **options: Any) -> Any:
        sink.write(0, np.zeros((10, *movie.shape[1:]), np.float32))
        ctx.check()
        self._called("motion")
        sink.write(10, np.ones((movie.shape[0] - 10, *movie.shape[1:]), np.float32))
        return motion_result(movie.shape)

    def _summary(self, movie: Any, **options: Any) -> SummaryImages:
        self._called("summary")
        self.summary_mean = float(np.mean(movie.frames(0, movie.shape[0])))
        image = np.ones(movie.shape[1:], np.float32)
        return SummaryImages(*([image] * 6))

    def _sources(self, movie: Any, *, on_found: Any, **options: Any) -> ComponentSet:
        self._called("sources")
        if on_found is not None:
            on_found(np.zeros((1, 2)))
        return component_set(self.n_components, movie.shape)

    def _quality(self, components: ComponentSet, movie: Any, **options: Any) -> ComponentSet:
        self._called("quality")
        only = options.get("only")
        return components.with_items(
            replace(i, metrics=Metrics(snr=3.0)) if only is None or i.id in only else i
            for i in components.items
        )

    def _traces(self, components: ComponentSet, **options: Any) -> ComponentSet:
        self._called("traces")
        only = options.get("only")
        return components.with_items(
            replace(i, noise=1.0) if only is None or i.id in only else i for i in components.items
        )

    def _decide(self, components: ComponentSet, **options: Any) -> dict[int, Any]:
        return {i: SimpleNamespace(accepted=i > 0) for i in components.ids}
