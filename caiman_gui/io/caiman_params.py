"""Our parameters under the names and in the groups of CaImAn 1.12."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from caiman_gui.params.run import all_specs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from caiman_gui.params.run import RunParams

GROUPS = (
    "data", "init", "preprocess", "patch", "spatial", "temporal", "merging", "quality", "motion",
    "online", "ring_CNN",
)  # fmt: skip


def caiman_params(
    params: RunParams,
    *,
    dims: tuple[int, int],
    frame_rate_hz: float,
    movie_paths: Sequence[Path],
) -> dict[str, dict[str, Any]]:
    """Return ``{group: {name: value}}`` as CaImAn's parameter object would hold it."""
    groups: dict[str, dict[str, Any]] = {name: {} for name in GROUPS}
    values = params.model_dump()
    for spec in all_specs():
        match = re.fullmatch(r"(\w+)\.(\w+)", spec.caiman)
        if match is not None and match[1] in groups:
            groups[match[1]][match[2]] = values[spec.group][spec.name]
    _add_data(groups["data"], params, dims, frame_rate_hz, movie_paths)
    _add_motion(groups["motion"], params)
    _add_sources(groups, params)
    groups["preprocess"]["p"] = groups["temporal"]["p"] = params.traces.ar_order
    groups["temporal"]["method_deconvolution"] = "oasis"
    return groups


def _add_data(
    data: dict[str, Any],
    params: RunParams,
    dims: tuple[int, int],
    frame_rate_hz: float,
    movie_paths: Sequence[Path],
) -> None:
    pixel_um = params.recording.pixel_size_um or 1.0
    data.update(
        caiman_version="1.12.1",
        last_commit="written by caiman-gui",
        var_name_hdf5="mov",
        fnames=[str(path) for path in movie_paths] or None,
        dims=list(dims),
        fr=frame_rate_hz,
        dxy=[pixel_um, pixel_um],
    )


def _add_motion(motion: dict[str, Any], params: RunParams) -> None:
    ours = params.motion
    stride = max(1, ours.patch_size_px - ours.patch_overlap_px)
    width = max(1, round(ours.highpass_px))
    motion.update(
        pw_rigid=ours.mode == "piecewise",
        max_shifts=[ours.max_shift_px, ours.max_shift_px],
        strides=[stride, stride],
        overlaps=[ours.patch_overlap_px, ours.patch_overlap_px],
        gSig_filt=[width, width] if ours.highpass_px > 0 else None,
        border_nan="copy",
    )


def _add_sources(groups: dict[str, dict[str, Any]], params: RunParams) -> None:
    diameter = params.sources.neuron_diameter_px
    is_one_photon = params.recording.kind == "one-photon"
    sigma = max(1, round((diameter - 1) / 4 if is_one_photon else diameter / 2))
    size = 4 * sigma + 1 if is_one_photon else 2 * sigma + 1
    groups["init"].update(
        method_init="corr_pnr" if is_one_photon else "greedy_roi",
        center_psf=is_one_photon,
        gSig=[sigma, sigma],
        gSiz=[size, size],
    )
    groups["spatial"]["nb"] = groups["temporal"]["nb"] = params.sources.background_rank
