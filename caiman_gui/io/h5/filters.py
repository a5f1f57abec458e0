"""Undoing what filters did to a chunk, without ever holding more than the chunk should have."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.io.h5.source import FormatError, UnsupportedError, require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from caiman_gui.io.h5.layout import Filter

_DEFLATE, _SHUFFLE, _FLETCHER32 = 1, 2, 3
_LZF, _BLOSC, _LZ4, _ZSTD = 32000, 32001, 32004, 32015
_KNOWN = (_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF, _BLOSC, _LZ4, _ZSTD)
_NAMES = {
    4: "szip", 5: "nbit", 6: "scale-offset", 305: "LZO", 307: "bzip2", 32008: "bitshuffle",
    32013: "ZFP", 32017: "SZ", 32026: "Blosc2",
}  # fmt: skip


def unknown_filter(filters: Sequence[Filter]) -> str:
    """Name of a filter that cannot be undone; empty if there is none."""
    for item in filters:
        if item.code not in _KNOWN:
            return _NAMES.get(item.code, f"HDF5 filter {item.code}")
    return ""


def undo(
    filters: Sequence[Filter], mask: int, data: bytes, n_bytes: int, value_bytes: int
) -> bytes:
    """Return a chunk as it was before the filters.

    Parameters
    ----------
    filters : sequence of Filter
        In the order in which they were applied.
    mask : int
        Those that were left out, one bit each.
    data : bytes
        As stored.
    n_bytes, value_bytes : int
        Of the chunk and of a value.

    Raises
    ------
    FormatError, UnsupportedError
        If it cannot be decompressed, has another size afterwards, or a filter is not known.
    """
    for place in range(len(filters) - 1, -1, -1):
        if mask >> place & 1:
            continue
        code = filters[place].code
        # A checksum may have been added before compression.
        room = n_bytes + 4 * sum(item.code == _FLETCHER32 for item in filters[:place])
        if code == _SHUFFLE:
            values = filters[place].parameters
            data = _unshuffle(data, values[0] if values else value_bytes)
        elif code == _FLETCHER32:
            data = _checked(data)
        else:
            try:
                data = _decompress(code, data, room)
            except (zlib.error, RuntimeError) as exc:  # what the codecs raise
                raise FormatError("a chunk cannot be decompressed") from exc
    require(len(data) == n_bytes, "a chunk has another size than it should")
    return data


def _decompress(code: int, data: bytes, n_bytes: int) -> bytes:
    if code == _DEFLATE:
        return zlib.decompressobj().decompress(data, n_bytes + 1)
    import imagecodecs

    if code == _BLOSC:
        # Bytes 4 to 7 say how much will be allocated.
        require(int.from_bytes(data[4:8], "little") == n_bytes, "a chunk is damaged")
        return bytes(imagecodecs.blosc_decode(data))
    decode = {
        _LZF: imagecodecs.lzf_decode, _LZ4: imagecodecs.lz4h5_decode,
        _ZSTD: imagecodecs.zstd_decode,
    }.get(code)  # fmt: skip
    if decode is None:
        raise UnsupportedError(f"filter {code} is not known")
    return bytes(decode(data, out=n_bytes))


def _unshuffle(data: bytes, size: int) -> bytes:
    """Put the bytes of each value together again; a rest that is no value stays at the end."""
    if size < 2:
        return data
    count = len(data) // size
    planes = np.frombuffer(data, np.uint8, count * size).reshape(size, count)
    return planes.T.tobytes() + data[count * size :]


def _checked(data: bytes) -> bytes:
    import imagecodecs

    if len(data) < 4:
        raise FormatError("a chunk is damaged")
    stored = int.from_bytes(data[-4:], "little")
    found = int(imagecodecs.h5checksum_fletcher32(data[:-4]))
    swapped = int.from_bytes(_swapped(found), "little")  # as old versions of HDF5 wrote it
    require(stored in (found, swapped), "the checksum of a chunk does not fit")
    return data[:-4]


def _swapped(checksum: int) -> bytes:
    raw = checksum.to_bytes(4, "little")
    return bytes((raw[1], raw[0], raw[3], raw[2]))
