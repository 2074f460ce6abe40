"""What an attack is, and how its own protection is taken out of the product for a moment."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from types import CodeType, FunctionType
from typing import Any, Generic, TypeVar


class Kind(StrEnum):
    """What an attacker wants."""

    READ = "read"
    WRITE = "write"
    REACH = "reach"
    OUTLIVE = "outlive"
    FORGE = "forge"
    ESCAPE = "escape"


@dataclass(frozen=True)
class Removal:
    """A protection taken out: in a function of the product, `text` is replaced by `instead`.

    `function` is `module:name` or `module:Class.name` below `tiercel`. The text has to be there
    exactly once, so that a removal fails when the product is changed around it.
    """

    function: str
    text: str
    instead: str = ""

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Take the protection out of this process, wherever the function is used."""
        function = self._found()
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(self.text) == 1, f"{self.function} has not {self.text!r} once"
        kept = function.__code__
        function.__code__ = _compiled(source.replace(self.text, self.instead), function)
        try:
            yield
        finally:
            function.__code__ = kept

    def _found(self) -> FunctionType:
        module, _, path = self.function.partition(":")
        found: Any = importlib.import_module(f"tiercel.{module}")
        for name in path.split("."):
            found = getattr(found, name)
        if isinstance(found, property):
            found = found.fget
        found = inspect.unwrap(found)
        return getattr(found, "__func__", found)  # type: ignore[no-any-return]


Where = TypeVar("Where")
"""In what an attack is played: an empty folder, or a whole scene."""


@dataclass(frozen=True)
class Attack(Generic[Where]):
    """One attack: `deed` plays it and tells whether it has reached its deed.

    `protection` is what stops it, in words; without the `removals`, nothing does. Attacks with
    the same removals count as one protection. One that is not `sampled` is for the whole alone.
    `impossible` says why it cannot be played on this machine; nothing if it can.
    """

    name: str
    kind: Kind
    protection: str
    removals: tuple[Removal, ...]
    deed: Callable[[Where], bool]
    sampled: bool = True
    impossible: Callable[[], str] = lambda: ""

    @contextmanager
    def unprotected(self) -> Iterator[None]:
        """Take out the attack's own protection."""
        with ExitStack() as stack:
            for one in self.removals:
                stack.enter_context(one.applied())
            yield


def _compiled(source: str, function: FunctionType) -> CodeType:
    """Return the code of a changed function, with the globals and the line of the first one."""
    tree = ast.parse(source)
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef)
    definition.decorator_list = []
    assert not function.__code__.co_freevars, f"{function.__qualname__} is a closure"
    flags = function.__code__.co_flags & 0x1000000  # from __future__ import annotations
    whole = compile(tree, function.__code__.co_filename, "exec", flags=flags, dont_inherit=True)
    return next(
        part
        for part in whole.co_consts
        if isinstance(part, CodeType) and part.co_name == function.__name__
    )
