from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packages import elf
from tiercel.domain.packaging.elf import Elf, read_elf


@pytest.mark.parametrize(
    ("versions", "glibc"),
    [
        ((), (0, 0)),
        (("GLIBC_2.2.5", "GLIBC_2.17"), (2, 17)),
        (("GLIBC_2.9", "GLIBC_2.28", "GLIBCXX_3.4.29"), (2, 28)),
        (("GLIBC_2.4", "GLIBC_ABI_DT_RELR"), (2, 36)),
        (("GLIBC_PRIVATE",), (0, 0)),
    ],
)
@pytest.mark.parametrize("machine", ["x86_64", "arm64"])
def test_a_library_needs_the_newest_version_of_which_it_uses_a_symbol(
    machine: str, versions: tuple[str, ...], glibc: tuple[int, int]
) -> None:
    assert read_elf(elf(machine, versions)) == Elf(machine, 64, glibc)


def test_a_library_for_musl_is_known_by_its_name() -> None:
    assert read_elf(elf(needed=("libc.musl-x86_64.so.1",))) == Elf("x86_64", 64, needs_musl=True)


def test_a_program_of_32_bits_is_told() -> None:
    data = bytearray(elf("x86"))
    data[4] = 1
    assert read_elf(bytes(data)) == Elf("x86", 32)


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF", b"MZ" + bytes(100)])
def test_what_linux_loads_as_no_program_is_none(data: bytes) -> None:
    assert read_elf(data) is None


def test_an_object_for_a_linker_is_never_loaded() -> None:
    data = bytearray(elf())
    data[16] = 1
    assert read_elf(bytes(data)) is None


@given(st.integers(20, 400), st.binary(max_size=40))
def test_a_damaged_program_is_told_or_read_and_never_more(length: int, noise: bytes) -> None:
    data = bytearray(elf(versions=("GLIBC_2.17",)))
    data[length : length + len(noise)] = noise
    found = read_elf(bytes(data[: len(data) - length]))
    assert found is None or isinstance(found, Elf)


@pytest.mark.skipif(sys.platform != "linux", reason="programs of Linux")
def test_the_python_that_runs_this_can_be_read() -> None:
    found = read_elf(Path(sys.executable).resolve().read_bytes())
    assert found
    assert (found.bits, found.fault) == (64, "")
