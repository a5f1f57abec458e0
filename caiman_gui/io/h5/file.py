"""An open HDF5 file: groups and datasets by path, and all of them in turn."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from caiman_gui.io.h5.dataset import Dataset
from caiman_gui.io.h5.header import read_messages
from caiman_gui.io.h5.links import Link, is_group, read_links
from caiman_gui.io.h5.source import Source
from caiman_gui.io.h5.superblock import read_superblock
from caiman_gui.io.h5.values import read_attributes, read_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from caiman_gui.io.h5.header import Message

T = TypeVar("T")
_MAX_OBJECTS = 4_000
_MAX_DEPTH = 24
_MAX_SOFT_LINKS = 8
_MAX_KEPT = 2_000


class Group:
    """A group, or anything else that is no dataset.

    Attributes
    ----------
    address : int
    messages : sequence of Message
    """

    def __init__(self, address: int, messages: Sequence[Message]) -> None:
        self.address = address
        self.messages = messages


class File:
    """An HDF5 file, read without the HDF5 library. Thread-safe.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    size, end : int
        Bytes the file has, and those it should have.
    is_open_elsewhere : bool
        Whether a program that writes it has not closed it yet, or never did.
    root : Group or Dataset

    Raises
    ------
    InputError
        If the file cannot be opened.
    FormatError, UnsupportedError
    """

    def __init__(self, path: Path) -> None:
        self._source = Source(path)
        try:
            first = read_superblock(self._source)
            self.size = self._source.file_size
            self.end = first.end
            self.is_open_elsewhere = first.is_open
            self._root_address = first.root
            self._objects: dict[int, Group | Dataset] = {}
            self._attributes: dict[int, dict[str, Any]] = {}
            self._known_links: dict[int, dict[str, Link]] = {}
            self.root = self._object(first.root)
        except BaseException:
            self._source.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def get(self, path: str) -> Group | Dataset | None:
        """Return what is at an absolute path of this file; None if nothing is.

        Raises
        ------
        FormatError, UnsupportedError
        """
        return self._get(path, _MAX_SOFT_LINKS)

    def link(self, path: str) -> Link | None:
        """Return the link at an absolute path itself; None if there is none."""
        parent, _, name = path.rstrip("/").rpartition("/")
        group = self.get(parent or "/")
        return self._links(group).get(name) if isinstance(group, Group) else None

    def names(self, group: Group, limit: int) -> list[str]:
        """Names of the first links of a group."""
        return list(self._links(group))[:limit]

    def attributes(self, item: Group | Dataset) -> dict[str, Any]:
        """Return the small attributes of an object, of those that can be read."""
        found = self._attributes.get(item.address)
        if found is None:
            found = read_attributes(self._source, item.messages)
            _remember(self._attributes, item.address, found)
        return found

    def walk(self) -> Iterator[tuple[str, Group | Dataset]]:
        """Yield (path, object), each once, nearest to the root first, up to some thousands.

        Only hard links are followed; what is damaged is left out.
        """
        queue: deque[tuple[str, Group, int]] = deque()
        if isinstance(self.root, Group):
            queue.append(("", self.root, 0))
        seen, n_objects = {self._root_address}, 0
        while queue:
            prefix, group, depth = queue.popleft()
            for name, link in self._links(group).items():
                if link.kind != "hard" or link.address in seen:
                    continue
                n_objects += 1
                if n_objects > _MAX_OBJECTS:
                    return
                seen.add(link.address)
                try:
                    item = self._object(link.address)
                except ValueError:  # FormatError and UnsupportedError
                    continue
                path = f"{prefix}/{name}"
                yield path, item
                if isinstance(item, Group) and depth < _MAX_DEPTH:
                    queue.append((path, item, depth + 1))

    def external_links(self, limit: int) -> list[tuple[str, Link]]:
        """Return (path, link) of the first links to other files, in the groups that are walked."""
        found: list[tuple[str, Link]] = []
        for path, item in [("", self.root), *self.walk()]:
            if isinstance(item, Group):
                links = self._links(item).items()
                found += [(f"{path}/{name}", link) for name, link in links
                          if link.kind == "external"]  # fmt: skip
            if len(found) >= limit:
                break
        return found[:limit]

    def at(self, address: int) -> Group | Dataset:
        """Return the object at an address, as references have them.

        Raises
        ------
        FormatError, UnsupportedError
        """
        return self._object(address)

    def value(self, item: Group | Dataset | None) -> Any:
        """Return a small dataset; None if it is none, large, or neither text nor numbers.

        Raises
        ------
        FormatError, UnsupportedError
        """
        return read_value(item) if isinstance(item, Dataset) else None

    def _get(self, path: str, links_left: int) -> Group | Dataset | None:
        item, done = self.root, ""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        for n, part in enumerate(parts):
            link = self._links(item).get(part) if isinstance(item, Group) else None
            if link is None:
                return None
            if link.kind == "soft" and links_left:
                goal = link.path if link.path.startswith("/") else f"{done}/{link.path}"
                return self._get("/".join([goal, *parts[n + 1 :]]), links_left - 1)
            if link.kind != "hard":
                return None
            item, done = self._object(link.address), f"{done}/{part}"
        return item

    def _links(self, group: Group) -> dict[str, Link]:
        """Links by name; those before a damaged one."""
        found = self._known_links.get(group.address)
        if found is None:
            found = {}
            with suppress(ValueError):  # FormatError and UnsupportedError
                for link in read_links(self._source, group.messages):
                    found.setdefault(link.name, link)
            _remember(self._known_links, group.address, found)
        return found

    def _object(self, address: int) -> Group | Dataset:
        item = self._objects.get(address)
        if item is None:
            messages = read_messages(self._source, address)
            if is_group(messages) or not any(message.kind == 0x08 for message in messages):
                item = Group(address, messages)
            else:
                item = Dataset(self._source, address, messages)
            _remember(self._objects, address, item)
        return item


def _remember(kept: dict[int, T], address: int, item: T) -> None:
    """Keep what was read, up to a limit."""
    if len(kept) >= _MAX_KEPT:
        kept.clear()
    kept[address] = item
