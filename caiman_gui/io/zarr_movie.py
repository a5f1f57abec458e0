"""Movies in Zarr stores, versions 2 and 3, with or without the metadata of OME-Zarr."""

from __future__ import annotations

import warnings
import zipfile
from contextlib import ExitStack
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.array_axes import assumed, guess_axes, letters_of, plan_axes
from caiman_gui.io.array_choice import Candidate, Content, Found, pick
from caiman_gui.io.reader import FileFacts
from caiman_gui.io.refusals import DAMAGE, damaged, in_words, require_sample_type
from caiman_gui.io.zarr_facts import (
    Multiscale,
    axis_letters,
    frame_rate,
    multiscale_of,
    pixel_size,
)
from caiman_gui.io.zarr_frames import ZARR_KIND as KIND
from caiman_gui.io.zarr_frames import ZarrMovie
from caiman_gui.io.zarr_store import FolderPlace, Place, ZipPlace, is_store, walk

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from caiman_gui.io.array_axes import AxisPlan
    from caiman_gui.io.reader import ReadChoice
    from caiman_gui.io.zarr_store import Node

#: A chunk is decoded as a whole.
_MAX_CHUNK_BYTES = 2**29
#: A frame in more pieces than this would take minutes.
_MAX_CHUNKS = 2**14
#: Arrays without two sides of so many values are no movie.
_MIN_SIDE = 4
_MAX_LISTED = 6


def recognises(path: Path, head: bytes) -> bool:
    """Tell whether a folder (``head`` is empty) or a ZIP archive is a Zarr store.

    A folder that holds nothing but stores called ``.zarr``, as those of Minian do, is one too.
    """
    if not head:
        place = FolderPlace(path)
        if is_store(place):
            return True
        inside = place.folders("")
        return bool(inside) and all(
            name.lower().endswith(".zarr") and is_store(place, name) for name in inside
        )
    if not head.startswith(b"PK\x03\x04"):
        return False
    try:
        archive = ZipPlace(path)
    except (*DAMAGE, zipfile.BadZipFile):
        return False
    try:
        return is_store(archive)
    finally:
        archive.close()


def open_reader(path: Path, choice: ReadChoice) -> ZarrMovie:
    """Open the array that was chosen, else the one that looks most like a movie.

    Raises
    ------
    InputError
        If the store is damaged, holds no movie, or uses a codec that is not known here.
    """
    with ExitStack() as opened:
        place = _open_place(path)
        opened.callback(place.close)
        nodes = {node.path: node for node in walk(place)}
        images = _images(nodes)
        candidates, content = _candidates(path, nodes, images)
        candidate, note = pick(path, KIND, candidates, choice.dataset, content)
        found = candidate.found
        require_sample_type(found.dtype, path)
        node = nodes[found.name]
        plan = plan_axes(path, KIND, found.shape, candidate.axes, found.dtype, choice)
        _require_safe(path, node, plan)
        array = _open_array(path, node, opened)
        notes = [note]
        if not choice.axes:
            notes.append(candidate.note)
            if plan.axes != candidate.axes:
                notes.append(
                    f"{path.name} holds {plan.n_frames} planes (z); they are read as frames."
                )
        notes.append(_note_about_end(path, place, node, array, plan))
        image = images.get(found.name)
        facts = FileFacts(
            format=f"OME-Zarr {image.version}".strip() if image else f"Zarr {node.zarr_format}",
            frame_rate=(image.frame_rate if image else None) or frame_rate(_above(nodes, node)),
            pixel_size=(image.pixel_size if image else None) or pixel_size(_above(nodes, node)),
            channels=_channels(image, plan.size("C")),
            n_planes=plan.size("Z"),
            datasets=tuple(item.to_dataset() for item in candidates),
            dataset=found.path,
            axes=plan.axes,
            notes=tuple(text for text in notes if text),
        )
        movie = ZarrMovie(path, array, plan, node.chunks, facts, opened.pop_all().close)
    return movie


def _open_place(path: Path) -> Place:
    try:
        return FolderPlace(path) if path.is_dir() else ZipPlace(path)
    except (*DAMAGE, zipfile.BadZipFile) as exc:
        raise in_words(path, KIND, exc, "its directory of files makes no sense") from exc


def _images(nodes: Mapping[str, Node]) -> dict[str, Multiscale]:
    """OME-Zarr images by the path of their finest level."""
    found = [multiscale_of(node) for node in nodes.values() if not node.meta]
    return {image.path: image for image in found if image is not None}


def _candidates(
    path: Path, nodes: Mapping[str, Node], images: Mapping[str, Multiscale]
) -> tuple[list[Candidate], Content]:
    candidates: list[Candidate] = []
    others: list[str] = []
    coarse = {node.path for node in nodes.values() if not node.meta and multiscale_of(node)}
    for node in nodes.values():
        if not node.meta:
            continue
        is_coarse = node.path not in images and node.path.rpartition("/")[0] in coarse
        candidate = None if is_coarse else _candidate(path, node, images.get(node.path))
        if candidate is not None:
            candidates.append(candidate)
        elif not is_coarse and len(others) < _MAX_LISTED:
            others.append(f"/{node.path} ({' x '.join(str(n) for n in node.shape) or 'odd'})")
    return candidates, Content(tuple(others))


def _candidate(path: Path, node: Node, image: Multiscale | None) -> Candidate | None:
    """Return an array with its axes; None if it cannot be a movie."""
    shape, chunks = node.shape, node.chunks
    if not 3 <= len(shape) <= 5 or 0 in shape or len(chunks) != len(shape) or not node.dtype:
        return None
    letters = letters_of(image.labels) if image and len(image.labels) == len(shape) else ""
    if not letters:
        letters = axis_letters(node)
    if letters is None or sum(n >= _MIN_SIDE for n in shape) < 2:
        return None
    name = "/" + node.path
    found = Found(name, node.path, shape, np.dtype(node.dtype), chunks)
    if letters:
        return Candidate(found, letters)
    axes = guess_axes(shape, chunks)
    array = name if node.path else "The array"
    note = assumed(path.name, array, shape, axes, "does not name its axes")
    return Candidate(found, axes, note)


def _require_safe(path: Path, node: Node, plan: AxisPlan) -> None:
    codec = node.unknown_codec()
    if codec:
        raise InputError(
            "The compression of the movie is not known here",
            f"{path}: /{node.path} uses the codec {codec[:40]}.",
            "Write it with Blosc, Zstandard or gzip, or without compression.",
        )
    sides = " x ".join(str(n) for n in node.chunks)
    if prod(node.chunks) * np.dtype(node.dtype).itemsize > _MAX_CHUNK_BYTES:
        raise InputError(
            "The movie is stored in pieces that are too large",
            f"{path} has chunks of {sides} values, each of which has to be decoded as a whole; "
            f"the limit is {_MAX_CHUNK_BYTES // 2**20} MB.",
            "Store it in smaller chunks, such as one frame or a hundred each.",
        )
    n_chunks = plan.chunks_for_frame(node.chunks)
    if n_chunks > _MAX_CHUNKS:
        raise InputError(
            "The movie is stored in pieces that are too small",
            f"{path} has chunks of {sides} values, {n_chunks:,} for each frame; the limit is "
            f"{_MAX_CHUNKS:,}.",
            "Store it in larger chunks, such as one frame or a hundred each.",
        )


def _open_array(path: Path, node: Node, opened: ExitStack) -> Any:
    import zarr
    from zarr.storage import LocalStore, ZipStore

    try:
        is_folder = path.is_dir()
        store: Any = LocalStore(path, read_only=True) if is_folder else ZipStore(path, mode="r")
        opened.callback(store.close)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what other programs wrote
            array = zarr.open_array(
                store=store, path=node.path, mode="r", zarr_format=node.zarr_format
            )
    except (*DAMAGE, zipfile.BadZipFile) as exc:
        raise in_words(path, KIND, exc, f"the metadata of /{node.path} make no sense") from exc
    if tuple(array.shape) != node.shape or np.dtype(array.dtype) != np.dtype(node.dtype):
        raise damaged(path, KIND, f"the metadata of /{node.path} make no sense")
    return array


def _note_about_end(path: Path, place: Place, node: Node, array: Any, plan: AxisPlan) -> str:
    """Note if the file of the last frames is missing, which Zarr takes for the fill value."""
    try:
        outer = array.shards or array.chunks
        at = [0] * len(plan.shape)
        for axis, index in plan.fixed.items():
            at[axis] = index // outer[axis]
        if plan.time is not None:
            at[plan.time] = (plan.n_frames - 1) // outer[plan.time]
        key = array.metadata.encode_chunk_key(tuple(at))
    except DAMAGE:
        return ""
    if place.exists(f"{node.path}/{key}" if node.path else key):
        return ""
    return (
        f"{path.name} holds nothing for its last frames, which read as {array.fill_value}: "
        "perhaps it was not written or copied to the end."
    )


def _above(nodes: Mapping[str, Node], node: Node) -> list[Node]:
    """Return the array and the groups it is in, the nearest first."""
    parts = node.path.split("/") if node.path else []
    paths = ["/".join(parts[:n]) for n in range(len(parts), -1, -1)]
    return [nodes[path] for path in paths if path in nodes]


def _channels(image: Multiscale | None, n_channels: int) -> tuple[str, ...]:
    if image is not None and len(image.channels) == n_channels:
        return image.channels
    return ("",) * n_channels
