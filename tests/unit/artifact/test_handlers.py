from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.codes import because
from tiercel.domain.artifact.handlers import handler_files, require_handler
from tiercel.domain.base.errors import RefusedInputError


def require(runtime: str, handler: str, *package: str, layers: tuple[str, ...] = ()) -> None:
    require_handler(runtime, handler, package, layers, owner="Function", where="src")


@pytest.mark.parametrize(
    ("runtime", "handler", "file"),
    [
        ("python3.12", "app.handler", "app.py"),
        ("python3.12", "src.app.handler", "src/app.py"),
        ("python3.12", "src/app.handler", "src/app.py"),
        ("python3.12", "app.handler", "app/__init__.py"),
        ("python3.12", "app.handler", "app.pyc"),
        ("python3.12", "app.handler", "app.cpython-312-x86_64-linux-gnu.so"),
        ("python3.12", "app.handler", "app.abi3.so"),
        ("nodejs22.x", "index.handler", "index.js"),
        ("nodejs22.x", "index.handler", "index.mjs"),
        ("nodejs22.x", "index.handler", "index.cjs"),
        ("nodejs22.x", "dist/app.main.handler", "dist/app.js"),
        ("nodejs22.x", "./dist/app.handler", "dist/app.js"),
        ("nodejs22.x", "a.b/index.handler", "a.b/index.mjs"),
        ("nodejs22.x", "lib.handler", "lib/index.js"),
        ("nodejs22.x", "tool.handler", "node_modules/tool/package.json"),
        ("ruby3.3", "app.handler", "app.rb"),
        ("ruby3.3", "lib/app.App::Handler.process", "lib/app.rb"),
        ("java21", "com.acme.Orders::handle", "com/acme/Orders.class"),
        ("java21", "com.acme.Orders", "lib/orders.jar!/com/acme/Orders.class"),
        ("java21", "com.acme.Outer$Inner::handle", "com/acme/Outer$Inner.class"),
        ("dotnet8", "Orders::Acme.Function::Handle", "Orders.dll"),
        ("dotnet8", "Orders", "Orders.dll"),
        ("dotnet8", "bootstrap", "bootstrap"),
        ("go1.x", "main", "main"),
        ("provided.al2023", "anything", "bootstrap"),
        ("provided.al2", "", "bootstrap"),
    ],
)
def test_a_handlers_file_is_looked_for_as_its_runtime_does(
    runtime: str, handler: str, file: str
) -> None:
    require(runtime, handler, "README.md", file)
    with pytest.raises(RefusedInputError, check=because("package.handler_missing")) as refusal:
        require(runtime, handler, "README.md", f"other/{file}", f"other-{file}")
    assert "README.md" in refusal.value.why


@pytest.mark.parametrize(
    ("runtime", "handler", "layer"),
    [
        ("python3.12", "tool.wrapper.handler", "python/tool/wrapper.py"),
        ("python3.12", "tool.handler", "python/lib/python3.12/site-packages/tool/__init__.py"),
        (
            "nodejs22.x",
            "/opt/nodejs/node_modules/tool/wrap.handler",
            "nodejs/node_modules/tool/wrap.js",
        ),
        ("nodejs22.x", "tool.handler", "nodejs/node_modules/tool/package.json"),
        ("java21", "com.acme.Wrap", "java/lib/wrap.jar!/com/acme/Wrap.class"),
        ("provided.al2023", "x", "bootstrap"),
    ],
)
def test_a_layer_may_have_the_handler(runtime: str, handler: str, layer: str) -> None:
    require(runtime, handler, "README.md", layers=(layer,))


@pytest.mark.parametrize(
    ("runtime", "handler"),
    [("", "app.handler"), ("cobol85", "app.handler"), ("python3.12", ""), ("nodejs22.x", "")],
)
def test_what_nobody_knows_is_not_judged(runtime: str, handler: str) -> None:
    assert handler_files(runtime, handler) == ()
    require(runtime, handler, "README.md")


def test_sources_are_no_compiled_handler() -> None:
    for runtime, handler, source in [
        ("dotnet8", "Orders::F::H", "Function.cs"),
        ("java21", "com.acme.Orders", "src/main/java/com/acme/Orders.java"),
        ("nodejs22.x", "app.handler", "app.ts"),
        ("nodejs22.x", "bundle.handler", "src/index.js"),
        ("provided.al2023", "main", "main.go"),
    ]:
        with pytest.raises(RefusedInputError, check=because("package.handler_missing")):
            require(runtime, handler, source)


RUNTIMES = ["python3.12", "nodejs22.x", "ruby3.3", "java21", "dotnet8", "go1.x", "provided"]


@given(st.sampled_from(RUNTIMES), st.text(max_size=30))
def test_whatever_is_looked_for_is_enough(runtime: str, handler: str) -> None:
    for file in handler_files(runtime, handler):
        require(runtime, handler, file + "x" if file.endswith((".", "/")) else file)
