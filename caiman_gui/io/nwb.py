"""Movies in NWB files: photon series and image series, and where they lie in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caiman_gui.errors import InputError
from caiman_gui.io.array_axes import assumed
from caiman_gui.io.array_choice import Candidate, Content, pick
from caiman_gui.io.h5.file import File, Group
from caiman_gui.io.h5.source import signature_at
from caiman_gui.io.hdf5_movie import open_candidate
from caiman_gui.io.hdf5_walk import attribute, describe, opening, value
from caiman_gui.io.nwb_facts import read_facts
from caiman_gui.io.refusals import DAMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.io.array_choice import Found
    from caiman_gui.io.reader import FrameReader, ReadChoice

KIND = "NWB file"
#: Types of objects that hold a movie; the larger number is taken first.
_SERIES = {"TwoPhotonSeries": 2, "OnePhotonSeries": 2, "ImageSeries": 1}
#: A first axis of a volume that is shorter than this is a plane, not rows.
_MIN_SIDE = 32
_MAX_LISTED = 6


def recognises(path: Path, head: bytes) -> bool:
    """Tell whether a file is NWB: HDF5 whose root says so, or that is called so."""
    if signature_at(head) is None:
        return False
    if path.suffix.lower() == ".nwb":
        return True
    try:
        file = File(path)
    except (InputError, *DAMAGE):  # the reader of HDF5 tells what is wrong with it
        return False
    try:
        return attribute(file, "/", "nwb_version") is not None
    finally:
        file.close()


def open_reader(path: Path, choice: ReadChoice) -> FrameReader:
    """Open the series that was chosen, else the one that looks most like a movie.

    Raises
    ------
    InputError
        If the file is missing, damaged, or holds no movie, perhaps because that is in a file of
        its own.
    """
    with opening(path, KIND) as file:
        candidates, series, content = _look_into(file, path)
        if not candidates:
            _require_inside(path, file, series)
        candidate, note = pick(path, KIND, candidates, choice.dataset, content)
        facts = read_facts(file, path, candidate.found, note)
        return open_candidate(path, KIND, file, candidate, candidates, choice, facts)


def _look_into(file: File, path: Path) -> tuple[list[Candidate], list[str], Content]:
    """Series with a movie inside, the paths of all series, and what else the file holds."""
    candidates: list[Candidate] = []
    series: list[str] = []
    others: list[str] = []
    script = value(file, "/general/source_script")
    is_neuroconv = isinstance(script, str) and "neuroconv" in script.lower()
    for name, item in file.walk():
        kind = file.attributes(item).get("neurodata_type") if isinstance(item, Group) else None
        if not isinstance(kind, str):
            continue
        if kind not in _SERIES:
            if name.count("/") > 1 and len(others) < _MAX_LISTED:
                others.append(f"{name} ({kind})")
            continue
        series.append(name)
        found = _describe_data(file, name)
        if found is not None:
            axes, note = _axes(path, name, found, is_neuroconv=is_neuroconv)
            candidates.append(Candidate(found, axes, note, _SERIES[kind]))
    return candidates, series, Content(tuple(others))


def _describe_data(file: File, series: str) -> Found | None:
    name = f"{series}/data"
    try:
        return describe(name, file.get(name))
    except ValueError:  # FormatError and UnsupportedError
        return None


def _axes(path: Path, series: str, found: Found, *, is_neuroconv: bool) -> tuple[str, str]:
    """Axes of a series and the note about them.

    The standard puts the width before the height, and NeuroConv does; most other programs write
    and read rows first. The field "dimension" is written in either order as well.
    """
    shape = found.shape
    if len(shape) > 4:
        axes = "TZYXC"
    elif len(shape) == 4 and shape[1] < _MIN_SIDE <= min(shape[2:]):
        axes = "TZYX"
    else:
        axes = ("TXYZ" if is_neuroconv else "TYXZ")[: len(shape)]
        if is_neuroconv:
            return axes, ""
    return axes, assumed(path.name, series, shape, axes, "does not tell rows from columns")


def _require_inside(path: Path, file: File, series: list[str]) -> None:
    """Name the file that holds the movie, if it is another one."""
    for name in series:
        files = value(file, f"{name}/external_file")
        files = [files] if isinstance(files, str) else files
        names = [text for text in files if text] if isinstance(files, list) else []
        link = file.link(f"{name}/data")
        if link is not None and link.kind == "external":
            names.append(link.file)
        if names or isinstance(files, list):
            raise _elsewhere(path, name, names)


def _elsewhere(path: Path, series: str, files: list[str]) -> InputError:
    more = len(files) - _MAX_LISTED
    listed = ", ".join(files[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
    return InputError(
        "The movie lies in another file",
        f"{path} only refers to it: {series} names {listed or 'no file, however'}.",
        "Open the file that the microscope wrote instead.",
    )
