"""Checksums of the newer structures of HDF5."""

from __future__ import annotations

from caiman_gui.io.h5.source import FormatError


def require_checksum(structure: bytes) -> None:
    """Compare the last four bytes of a structure with those before them.

    Raises
    ------
    FormatError
        If they do not fit.
    """
    import imagecodecs

    stored = int.from_bytes(structure[-4:], "little")
    if len(structure) < 5 or imagecodecs.h5checksum_metadata(structure[:-4]) != stored:
        raise FormatError("a checksum does not fit")
