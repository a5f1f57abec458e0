"""How source extraction keeps within its memory budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from caiman_gui.core.budget import pieces_in_memory
from caiman_gui.core.movie import block_bytes

if TYPE_CHECKING:
    from caiman_gui.core.movie import Movie

#: Images of the field that are held, as float32: sums, noise, background, what it is made of.
_IMAGES_HELD = 24
#: What a thread needs while cells are searched, as a share of the binned movie, and at least.
_THREAD_SHARE, _THREAD_BYTES = 1 / 16, 16 * 2**20


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What is done at once, and what is kept rather than read again. Results do not depend on it.

    Attributes
    ----------
    n_threads : int
    n_ahead : int
        Blocks of the movie that are read early.
    keeps_binned : bool
        Whether the binned movie is kept while cells are searched in what is left of it.
    """

    n_threads: int
    n_ahead: int
    keeps_binned: bool

    @classmethod
    def within(
        cls, memory_bytes: int, movie: Movie, *, is_filtered: bool, n_threads: int,
        binned_bytes: int,
    ) -> MemoryPlan:  # fmt: skip
        """Plan for a budget. What is left at the least: binned movie, one block, one thread."""
        block = block_bytes(movie)
        images = _IMAGES_HELD * 4 * movie.shape[1] * movie.shape[2]
        walk = (3 if is_filtered else 2) * block  # as stored or filtered, and pixel by pixel
        held = binned_bytes + images
        thread = min(binned_bytes, max(_THREAD_BYTES, int(_THREAD_SHARE * binned_bytes)))
        threads = pieces_in_memory(memory_bytes, thread, held_bytes=held, most=n_threads)
        return cls(
            n_threads=threads,
            n_ahead=int(held + 2 * walk + block <= memory_bytes),
            keeps_binned=held + binned_bytes + threads * thread <= memory_bytes,
        )
