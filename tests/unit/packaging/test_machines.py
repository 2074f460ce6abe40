from __future__ import annotations

import pytest

from tests.support.codes import because
from tests.support.packages import function, layer
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.machines import (
    LambdaMachine,
    glibc_of,
    machine_of,
    machine_of_asset,
    require_machine,
)


@pytest.mark.parametrize(
    ("runtimes", "glibc"),
    [
        ("java8 go1.x provided", (2, 17)),
        ("python3.8 python3.11 nodejs16.x nodejs18.x provided.al2 ruby3.2 dotnet6", (2, 26)),
        ("java8.al2 java11 java17", (2, 26)),
        ("java8.al2023 java11.al2023 java17.al2023 provided.al2023", (2, 34)),
        ("python3.12 python3.14 nodejs20.x nodejs24.x java21 java25", (2, 34)),
        ("dotnet8 dotnet10 ruby3.3 ruby4.0", (2, 34)),
        ("cobol85 python provided.al2099 nodejs  ${Rt}", None),
    ],
)
def test_the_library_follows_from_the_runtimes_operating_system(
    runtimes: str, glibc: tuple[int, int] | None
) -> None:
    assert {name: glibc_of(name) for name in runtimes.split(" ")} == dict.fromkeys(
        runtimes.split(" "), glibc
    )


def test_what_is_for_several_runtimes_gets_the_least_of_their_machines() -> None:
    assert machine_of(["python3.13", "python3.9"], ["arm64"]) == LambdaMachine(
        architectures=("arm64",), glibc=(2, 26)
    )


@pytest.mark.parametrize(
    ("runtimes", "architectures"),
    [
        ([], ["arm64"]),
        (["python3.12"], []),
        (["python3.12", "x"], ["arm64"]),
        (["java21"], ["mips"]),
    ],
)
def test_a_machine_is_unknown_if_a_part_of_it_is(
    runtimes: list[str], architectures: list[str]
) -> None:
    assert machine_of(runtimes, architectures) is None


def test_a_layer_has_the_python_of_its_build_method_and_the_least_of_its_machines() -> None:
    what = layer("python3.12", runtimes=("python3.11", "python3.12"), architectures=("arm64",))
    assert machine_of_asset(what) == LambdaMachine(
        architectures=("arm64",), glibc=(2, 26), python=(3, 12)
    )
    assert machine_of_asset(layer("python3.13")) == LambdaMachine(
        architectures=("x86_64",), glibc=(2, 34), python=(3, 13)
    )


@pytest.mark.parametrize("method", ["", "makefile"])
def test_of_a_layer_that_declares_no_runtime_the_processor_is_known(method: str) -> None:
    assert machine_of_asset(layer(method, architectures=("arm64",))) == LambdaMachine(
        architectures=("arm64",), glibc=(2, 34)
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"unknown": "Runtime may be python3.10 or python3.12"}, "may be python3.10 or python3.12"),
        ({"runtimes": ("perl5",)}, "perl5, x86_64"),
        ({"runtimes": ()}, "no runtime"),
    ],
)
def test_where_something_depends_on_it_an_unknown_machine_is_refused(
    changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(RefusedInputError, check=because("package.machine_unknown")) as refusal:
        require_machine(function(**changes), "here")
    assert reason in refusal.value.why
