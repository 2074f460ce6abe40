from __future__ import annotations

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.binaries import load_fault, require_loadable
from tiercel.domain.packaging.elf import Elf
from tiercel.domain.packaging.machines import LambdaMachine

ARM = LambdaMachine(architectures=("arm64",), glibc=(2, 26), python=(3, 11))
GOOD, OTHER = Elf("arm64", 64, (2, 17)), Elf("x86_64", 64, (2, 17))


@pytest.mark.parametrize(
    ("name", "elf", "fault"),
    [
        ("a.so", GOOD, ""),
        ("a.so", OTHER, "it is for x86_64"),
        ("a.so", Elf("arm", 32), "it is for arm of 32 bits"),
        ("a.so", Elf("arm64", 64, (2, 28)), "it needs glibc 2.28"),
        ("a.so", Elf("arm64", 64, (2, 26)), ""),
        ("a.so", Elf("arm64", 64, needs_musl=True), "it needs musl as its C library"),
        ("a.so", Elf("arm64", 64, fault="it is damaged"), "it is damaged"),
        ("a.cpython-311-aarch64-linux-gnu.so", GOOD, ""),
        ("x/a.cpython-312-aarch64-linux-gnu.so", GOOD, "it is a module for Python 3.12"),
        ("a.abi3.so", GOOD, ""),
    ],
)
def test_a_file_is_loaded_by_its_own_processor_library_and_python(
    name: str, elf: Elf, fault: str
) -> None:
    assert load_fault(name, elf, ARM) == fault


@pytest.mark.parametrize(
    "name",
    [
        "bootstrap",
        "node_modules/@esbuild/linux-x64/bin/esbuild",
        "node_modules/@img/sharp-linux-x64/lib/sharp-linux-x64.node",
    ],
)
def test_what_cannot_be_loaded_is_refused_with_its_name(name: str) -> None:
    with pytest.raises(RefusedInputError, check=because("package.cannot_be_loaded")) as refusal:
        require_loadable({name: OTHER, "node_modules/other/x.node": GOOD}, ARM, "src")
    assert refusal.value.why == f"{name}: it is for x86_64"


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        (
            "m/prebuilds/linux-x64/node.napi.glibc.node",
            "m/prebuilds/linux-arm64/node.napi.armv8.node",
        ),
        ("m/prebuilds/linux-x64+musl/x.node", "m/prebuilds/linux-arm64/x.node"),
        ("@img/sharp-linuxmusl-x64/lib/a.node", "@img/sharp-linux-arm64/lib/a.node"),
        ("a/m.cpython-312-aarch64-linux-gnu.so", "a/m.cpython-311-aarch64-linux-gnu.so"),
        ("a/m.cpython-312-x86_64-linux-gnu.so", "a/m.abi3.so"),
    ],
)
def test_a_variant_for_another_machine_is_not_missed(name: str, variant: str) -> None:
    require_loadable({name: OTHER, variant: GOOD}, ARM, "src")


def test_a_layer_for_both_processors_may_have_files_of_either() -> None:
    both = ARM.model_copy(update={"architectures": ("x86_64", "arm64")})
    require_loadable({"a": OTHER, "b": GOOD}, both, "layer")
