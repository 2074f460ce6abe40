"""The file in which a function's handler stands, looked for in the files of its packages.

Lambda finds out at the first call that it is not there, and by then a release is broken. What is
looked for is what Lambda's runtime interface clients load:
https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html and its neighbours.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable

IN_ARCHIVE = "!/"
"""Between the name of an archive in a package, and that of a file in this archive."""
_LAYERS = "/opt/"
_SHOWN = 200
_SHOWN_FILES = 5


def require_handler(
    runtime: str,
    handler: str,
    package: Collection[str],
    layers: Collection[str],
    *,
    owner: str,
    where: str,
) -> None:
    """Raise RefusedInputError if no file can be the one that a function's handler names.

    `package` and `layers` are the names in the function's package and in those of its layers.
    A runtime that is not known here is not judged, nor is a handler that only a deploy knows: an
    empty text.
    """
    wanted = handler_files(runtime, handler)
    if not wanted or any(_is_there(one, package, layers) for one in wanted):
        return
    raise RefusedInputError(
        "package.handler_missing",
        f"the handler of {owner} is in no package",
        where=where,
        why=f"{runtime} looks for {_some(wanted)}; the package has {_some(sorted(package))}",
        state="nothing was uploaded",
        remedy="correct Handler or the path of the code; or, if a build makes the file, "
        "give the service that `build` in tiercel.toml",
    )


def handler_files(runtime: str, handler: str) -> tuple[str, ...]:
    """Return the names that a runtime looks for, none if they are not known.

    One that ends with a dot or a slash stands for all that begin with it.
    """
    family = re.match("[a-z]*", runtime)
    find = _FAMILIES.get(family[0] if family else "")
    if find is None or not (handler or find is _bootstrap):
        return ()
    return tuple(dict.fromkeys(find(handler)))


def _is_there(wanted: str, package: Collection[str], layers: Collection[str]) -> bool:
    """Layers are searched in folders that differ between runtimes: the end of a path counts."""
    if wanted.endswith((".", "/")):
        return any(one.startswith(wanted) for one in package) or any(
            f"/{wanted}" in f"/{one}" for one in layers
        )
    return wanted in package or any(
        f"/{one}".endswith(f"/{wanted}") for one in (*layers, *_archived(package))
    )


def _archived(package: Collection[str]) -> Iterator[str]:
    """Java looks into the archives of one folder.

    https://docs.aws.amazon.com/lambda/latest/dg/java-package.html
    """
    return (one for one in package if one.startswith("lib/") and IN_ARCHIVE in one)


def _some(names: Collection[str]) -> str:
    shown = [printable(one, _SHOWN) for one in list(names)[:_SHOWN_FILES]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _python(handler: str) -> Iterator[str]:
    """A module's name, in which slashes are taken for dots."""
    path = _path(handler.rpartition(".")[0].replace(".", "/"))
    yield from (f"{path}.py", f"{path}/__init__.py", f"{path}.pyc")
    yield f"{path}."  # an extension module has its ABI in its name


def _node(handler: str) -> Iterator[str]:
    """A path up to the first dot of its last part, and otherwise what require() finds."""
    folder, name = posixpath.split(handler)
    path = _path(posixpath.join(folder, name.partition(".")[0]))
    for start in (path, f"node_modules/{path}"):
        yield from (f"{start}.js", f"{start}.mjs", f"{start}.cjs", start)
        yield from (f"{start}/index.", f"{start}/package.json")


def _ruby(handler: str) -> Iterator[str]:
    yield f"{_path(handler.partition('.')[0])}.rb"


def _java(handler: str) -> Iterator[str]:
    """A class, in the package itself or in one of the archives beside it."""
    yield handler.partition("::")[0].replace(".", "/") + ".class"


def _dotnet(handler: str) -> Iterator[str]:
    """An assembly, or a program that was compiled ahead of time."""
    assembly = handler.partition("::")[0]
    yield from (f"{assembly}.dll", assembly, "bootstrap")


def _executable(handler: str) -> Iterator[str]:
    yield _path(handler)


def _bootstrap(_: str) -> Iterator[str]:
    yield "bootstrap"


def _path(text: str) -> str:
    return posixpath.normpath(text.removeprefix(_LAYERS)).strip("/")


_FAMILIES: dict[str, Callable[[str], Iterator[str]]] = {
    "dotnet": _dotnet,
    "dotnetcore": _dotnet,
    "go": _executable,
    "java": _java,
    "nodejs": _node,
    "provided": _bootstrap,
    "python": _python,
    "ruby": _ruby,
}
