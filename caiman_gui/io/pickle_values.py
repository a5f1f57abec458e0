"""What a pickle of plain values and arrays holds, read without running anything it names.

A pickle is a program that may call any function. Here its instructions are followed by a machine
that knows only the few that build numbers, text, lists, dicts and NumPy arrays: nothing is ever
imported or called by name. Hashes are taken of text and numbers only, and what is shared is
copied once, so that neither nested nor shared values can use up time or memory.
"""

from __future__ import annotations

import pickletools
from typing import TYPE_CHECKING, Any, BinaryIO

from caiman_gui.io.numpy_values import ArrayValue, DtypeValue, ScalarValue

if TYPE_CHECKING:
    from collections.abc import Callable

#: Instructions, which take about a microsecond each.
_MAX_STEPS = 2_000_000
_MAX_DEPTH = 40
#: Bytes that may be written as text, since that is copied.
_MAX_TEXT_BYTES = 2**29
_MAX_PATH_CHARS = 2**16
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")


class NotPlainError(ValueError):
    """The pickle names something that is no plain value, or is damaged."""


def plain_values(stream: BinaryIO) -> Any:
    """Read the value that a pickle holds.

    Numbers, text, bytes, None, lists, tuples, dicts and arrays come as they are; sets and arrays
    of objects as lists, paths as text, dates and arrays of records as None.

    Raises
    ------
    NotPlainError
        If it holds anything else. Damaged pickles also raise what ``pickletools`` does.
    """
    return _plain(_Machine().run(stream), {}, _MAX_DEPTH)


class _Global:
    """A name in a module, which is never looked up."""

    def __init__(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise NotPlainError("it names something by other than text")
        self.module, self.name = module, name


class _Machine:
    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._text_bytes = 0

    def run(self, stream: BinaryIO) -> Any:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if step > _MAX_STEPS:
                raise NotPlainError(f"it holds more than {_MAX_STEPS:,} values")
            if opcode.name == "STOP":
                return self._stack.pop()
            if opcode.name in _LITERALS:
                self._stack.append(argument)
            elif opcode.name in _CONSTANTS:
                self._stack.append(_CONSTANTS[opcode.name]())
            elif opcode.name in _ACTIONS:
                _ACTIONS[opcode.name](self, argument)
            else:
                raise NotPlainError(f"it uses the instruction {opcode.name}")
        raise NotPlainError("it ends too early")

    def nothing(self, _: Any) -> None: ...

    def mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))

    def since_mark(self) -> list[Any]:
        at = self._marks.pop()
        items = self._stack[at:]
        del self._stack[at:]
        return items

    def pop(self, _: Any) -> None:
        self._stack.pop()

    def pop_mark(self, _: Any) -> None:
        self.since_mark()

    def duplicate(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def get(self, index: Any) -> None:
        self._stack.append(self._memo[int(index)])

    def put(self, index: Any) -> None:
        self._memo[int(index)] = self._stack[-1]

    def memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def tuple_of(self, count: int) -> None:
        items = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._stack.append(items)

    def marked_tuple(self, _: Any) -> None:
        self._stack.append(tuple(self.since_mark()))

    def marked_list(self, _: Any) -> None:
        self._stack.append(self.since_mark())

    def marked_dict(self, _: Any) -> None:
        items = self.since_mark()
        self._stack.append({})
        self._set(items)

    def append(self, _: Any) -> None:
        item = self._stack.pop()
        self._list().append(item)

    def extend(self, _: Any) -> None:
        items = self.since_mark()
        self._list().extend(items)

    def set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([key, value])

    def set_items(self, _: Any) -> None:
        self._set(self.since_mark())

    def _list(self) -> list[Any]:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise NotPlainError("it appends to something that is no list")
        return target

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise NotPlainError("it sets an item of something that is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            is_plain = key is None or isinstance(key, (str, bytes, float))
            if not is_plain and not (isinstance(key, int) and key.bit_length() <= 64):
                raise NotPlainError("a dict has a key that is neither text nor a number")
            target[key] = value

    def global_name(self, argument: Any) -> None:
        module, _, name = str(argument).partition(" ")
        self._stack.append(_Global(module, name))

    def stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(_Global(module, name))

    def reduce(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise NotPlainError("it calls something that has no name")
        self._stack.append(self._result(function, arguments))

    def _result(self, function: _Global, arguments: tuple[Any, ...]) -> Any:
        """Stand for the result of the few functions that pickles of plain values name."""
        match function.module, function.name, arguments:
            case module, "_reconstruct", _ if module in _NUMPY:
                return ArrayValue()
            case module, "scalar", (DtypeValue() as dtype, raw) if module in _NUMPY:
                return ScalarValue(dtype, self._bytes(raw))
            case module, "_frombuffer", (raw, DtypeValue() as dtype, shape, order) if (
                module in _NUMERIC
            ):
                return ArrayValue(shape, dtype, self._bytes(raw), is_fortran=order == "F")
            case "numpy", "dtype", (str() as name, *_):
                return DtypeValue(name)
            case "_codecs", "encode", (str() as text, "latin1" | "latin-1"):
                return self._bytes(text)
            case "pathlib" | "pathlib._local", name, parts if name.endswith("Path"):
                return _path(parts)
            case "datetime", "datetime" | "date" | "time" | "timedelta" | "timezone", _:
                return None
            case "collections", "OrderedDict", ():
                return {}
            case "builtins" | "__builtin__", "bytes", ():
                return b""
            case "builtins" | "__builtin__", "set" | "frozenset", (list() as items,):
                return items
        raise NotPlainError(f"it names {function.module}.{function.name}"[:200])

    def build(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if not isinstance(target, (ArrayValue, DtypeValue)) or not isinstance(state, tuple):
            raise NotPlainError("it sets the state of something that is no array")
        if isinstance(target, ArrayValue):
            state = tuple(self._bytes(part) for part in state)
        target.set_state(state)

    def _bytes(self, value: Any) -> Any:
        """Turn text into bytes, which protocols before 3 and Python 2 wrote as text."""
        if not isinstance(value, str):
            return value
        self._text_bytes += len(value)
        if self._text_bytes > _MAX_TEXT_BYTES:
            raise NotPlainError("it holds too much text")
        return value.encode("latin-1")


def _path(parts: tuple[Any, ...]) -> str:
    texts = [part for part in parts if isinstance(part, str)]
    if sum(len(text) for text in texts) > _MAX_PATH_CHARS:
        raise NotPlainError("it holds a path that is too long")
    return "/".join(texts).replace("//", "/")


def _plain(value: Any, done: dict[int, Any], depth: int) -> Any:
    """Turn what stands for arrays into these, each once however often it is shared."""
    if value is None or isinstance(value, (str, bytes, bool, int, float)):
        return value
    if id(value) in done:
        return done[id(value)]
    if depth < 1:
        raise NotPlainError(f"it is nested more than {_MAX_DEPTH} deep")
    if isinstance(value, (ArrayValue, ScalarValue)):
        done[id(value)] = value.value(lambda inner: _plain(inner, done, depth - 1))
    elif isinstance(value, dict):
        target: dict[Any, Any] = {}
        done[id(value)] = target
        target.update((key, _plain(item, done, depth - 1)) for key, item in value.items())
    elif isinstance(value, list):
        items: list[Any] = []
        done[id(value)] = items
        items.extend(_plain(item, done, depth - 1) for item in value)
    elif isinstance(value, tuple):
        done[id(value)] = tuple(_plain(item, done, depth - 1) for item in value)
    elif isinstance(value, bytearray):
        done[id(value)] = bytes(value)
    else:
        raise NotPlainError("it holds a function or a class")
    return done[id(value)]


#: Instructions that carry a value.
_LITERALS = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
})  # fmt: skip
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine.nothing,
    "FRAME": _Machine.nothing,
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "DUP": _Machine.duplicate,
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "TUPLE": _Machine.marked_tuple,
    "LIST": _Machine.marked_list,
    "DICT": _Machine.marked_dict,
    "FROZENSET": _Machine.marked_list,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.extend,
    "ADDITEMS": _Machine.extend,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.global_name,
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}
