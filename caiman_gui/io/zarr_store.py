"""Looking into Zarr stores: arrays, groups and their metadata, read as bounded JSON."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from caiman_gui.io.refusals import DAMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Files that tell a folder to be an array or a group.
_MARKS = ("zarr.json", ".zarray", ".zgroup")
_MAX_JSON_BYTES = 2**24
_MAX_NODES = 2_000
_MAX_ENTRIES = 10_000
_MAX_DEPTH = 12
_V2_TYPE = re.compile(r"[<>|](b1|[iu][1248]|f[248]|c8|c16)")
_V3_TYPES = {
    "bool": "b1", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4",
    "uint32": "u4", "int64": "i8", "uint64": "u8", "float16": "f2", "float32": "f4",
    "float64": "f8", "complex64": "c8", "complex128": "c16",
}  # fmt: skip
#: Codecs that turn bytes into bytes or numbers into numbers; others may unpickle.
_CODECS = {
    "blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "lzma", "shuffle", "delta", "fixedscaleoffset",
    "bitround", "packbits", "quantize", "astype", "crc32", "crc32c", "adler32", "fletcher32",
    "bytes", "endian", "transpose", "sharding_indexed",
}  # fmt: skip


class Place(Protocol):
    """Where the files of a store lie."""

    def read(self, name: str) -> bytes | None:
        """Content of a small file; None if it is not there or too large."""

    def folders(self, name: str) -> list[str]:
        """Names of the folders in a folder, sorted, up to a limit."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    def close(self) -> None:
        """Close what is open."""


class FolderPlace:
    """A store in a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        try:
            with (self._path / name).open("rb") as file:
                content = file.read(_MAX_JSON_BYTES + 1)
        except (OSError, ValueError):
            return None
        return content if len(content) <= _MAX_JSON_BYTES else None

    def folders(self, name: str) -> list[str]:
        found = []
        try:
            with os.scandir(self._path / name if name else self._path) as entries:
                for number, entry in enumerate(entries):
                    if number >= _MAX_ENTRIES:
                        break
                    if entry.is_dir() and not entry.name.startswith("."):
                        found.append(entry.name)
        except OSError:
            return []
        return sorted(found)

    def exists(self, name: str) -> bool:
        try:
            return (self._path / name).is_file()
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Do nothing: no file stays open."""


class ZipPlace:
    """A store in a ZIP archive.

    Raises
    ------
    zipfile.BadZipFile, OSError
        If the archive is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self._names = frozenset(self._zip.namelist())

    def read(self, name: str) -> bytes | None:
        if name not in self._names:
            return None
        try:
            with self._zip.open(name) as file:
                content = file.read(_MAX_JSON_BYTES + 1)
        except (*DAMAGE, zipfile.BadZipFile):
            return None
        return content if len(content) <= _MAX_JSON_BYTES else None

    def folders(self, name: str) -> list[str]:
        prefix = f"{name}/" if name else ""
        inside = (item[len(prefix) :] for item in self._names if item.startswith(prefix))
        found = {rest.partition("/")[0] for rest in inside if "/" in rest}
        return sorted(item for item in found if not item.startswith("."))[:_MAX_ENTRIES]

    def exists(self, name: str) -> bool:
        return name in self._names

    def close(self) -> None:
        self._zip.close()


@dataclass(frozen=True, slots=True)
class Node:
    """An array or a group.

    Attributes
    ----------
    path : str
        Inside the store, without leading slash; empty for the root.
    zarr_format : int
        2 or 3.
    attributes : dict
    meta : dict
        Of an array; empty for a group.
    """

    path: str
    zarr_format: int
    attributes: dict[str, Any] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an array; empty if it makes no sense."""
        return _sizes(self.meta.get("shape"), least=0)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of what is decoded as a whole; empty if it makes no sense."""
        if self.zarr_format == 2:
            return _sizes(self.meta.get("chunks"), least=1)
        for codec in _dicts(self.meta.get("codecs")):
            if codec.get("name") == "sharding_indexed":
                return _sizes(_dict(codec.get("configuration")).get("chunk_shape"), least=1)
        grid = _dict(self.meta.get("chunk_grid"))
        return _sizes(_dict(grid.get("configuration")).get("chunk_shape"), least=1)

    @property
    def dtype(self) -> str:
        """Type of the samples as NumPy spells it; empty if they are no numbers."""
        stated = self.meta.get("dtype" if self.zarr_format == 2 else "data_type")
        if not isinstance(stated, str):
            return ""
        if self.zarr_format == 2:
            return stated if _V2_TYPE.fullmatch(stated) else ""
        return _V3_TYPES.get(stated, "")

    @property
    def labels(self) -> list[str]:
        """Names of the axes as Zarr 3 or xarray have them; empty if there are none."""
        for names in (self.meta.get("dimension_names"), self.attributes.get("_ARRAY_DIMENSIONS")):
            if isinstance(names, list) and len(names) == len(self.shape):
                return [name if isinstance(name, str) else "" for name in names]
        return []

    def unknown_codec(self) -> str:
        """Name of a codec that is not used here; empty if there is none."""
        for name in _codec_names(self.meta):
            if name.removeprefix("numcodecs.") not in _CODECS:
                return name
        return ""


def is_store(place: Place, name: str = "") -> bool:
    """Whether an array or a group is at this place."""
    prefix = f"{name}/" if name else ""
    return any(place.exists(prefix + mark) for mark in _MARKS)


def read_node(place: Place, name: str) -> Node | None:
    """Read the metadata at a place; None if there is no array or group, or it is damaged."""
    prefix = f"{name}/" if name else ""
    whole = _json(place.read(prefix + "zarr.json"))
    if whole is not None:
        is_array = whole.get("node_type") == "array"
        return Node(name, 3, _dict(whole.get("attributes")), whole if is_array else {})
    attributes = _json(place.read(prefix + ".zattrs")) or {}
    array = _json(place.read(prefix + ".zarray"))
    if array is not None:
        return Node(name, 2, attributes, array)
    return Node(name, 2, attributes) if place.exists(prefix + ".zgroup") else None


def walk(place: Place) -> Iterator[Node]:
    """Yield groups and arrays, nearest to the root first, up to some thousands.

    Folders that are neither may hold stores, as those of Minian do.
    """
    queue = deque([("", 0)])
    n_seen = 0
    while queue:
        name, depth = queue.popleft()
        n_seen += 1
        node = read_node(place, name)
        if node is not None:
            yield node
        if (node is not None and node.meta) or depth >= _MAX_DEPTH:
            continue
        for child in place.folders(name):
            if n_seen + len(queue) >= _MAX_NODES:
                break
            queue.append((f"{name}/{child}" if name else child, depth + 1))


def _json(content: bytes | None) -> dict[str, Any] | None:
    if content is None:
        return None
    try:
        return _dict(json.loads(content))
    except (ValueError, RecursionError):
        return {}


def _codec_names(item: Any, depth: int = 0) -> Iterator[str]:
    """Names of all codecs, those inside shards too."""
    if depth > 4 or not isinstance(item, dict):
        return
    codecs = [item.get("compressor")]
    for key in ("codecs", "index_codecs", "filters"):
        listed = item.get(key)
        codecs += listed if isinstance(listed, list) else [listed]
    for codec in codecs:
        if isinstance(codec, dict):
            yield str(codec.get("name", codec.get("id", "")))
            yield from _codec_names(codec.get("configuration"), depth + 1)
        elif codec is not None:
            yield str(codec)


def _sizes(item: Any, least: int) -> tuple[int, ...]:
    if not isinstance(item, list) or len(item) > 16:
        return ()
    fits = all(type(n) is int and least <= n < 2**62 for n in item)
    return tuple(item) if fits else ()


def _dict(item: Any) -> dict[str, Any]:
    return item if isinstance(item, dict) else {}


def _dicts(item: Any) -> list[dict[str, Any]]:
    return [part for part in item if isinstance(part, dict)] if isinstance(item, list) else []
