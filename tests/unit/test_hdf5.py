from __future__ import annotations

import subprocess
import sys

import h5py
import numpy as np
import pytest

from caiman_gui.errors import ResourceError
from caiman_gui.hdf5 import write_hdf5

_FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from caiman_gui.errors import ResourceError
from caiman_gui.hdf5 import write_hdf5

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    with write_hdf5(Path(sys.argv[1]) / "part.h5") as file:
        for number in range(50):
            file[f"group/{number}"] = np.full(int(sys.argv[3]), number)
except ResourceError as exc:
    print(exc.title)
"""


def test_what_is_written_can_be_read_with_every_reader(tmp_path):
    path = tmp_path / "new" / "ä b.h5"
    images = np.random.default_rng(0).normal(size=(3, 40, 50)).astype(np.float32)
    with write_hdf5(path) as file:
        file["images"] = images
        file["images"].attrs["about"] = "µm"
        file["empty"] = np.zeros((0, 4))
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(file["images"][()], images)
        assert file["images"].attrs["about"] == "µm"
        assert file["empty"].shape == (0, 4)


def test_an_error_within_leaves_the_old_file(tmp_path):
    path = tmp_path / "part.h5"
    path.write_text("old")
    with pytest.raises(TypeError), write_hdf5(path) as file:
        file["x"] = object()
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["part.h5"]


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError), write_hdf5(tmp_path / "file" / "part.h5"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit for the size of files")
@pytest.mark.parametrize(("limit", "length"), [(100, 10), (20_000, 10), (20_000, 1_000)])
def test_a_full_disk_is_told_and_does_not_crash_the_end(tmp_path, limit, length):
    words = [sys.executable, "-c", _FULL, str(tmp_path), str(limit), str(length)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "The disk is full\n", "")
    assert list(tmp_path.iterdir()) == []
