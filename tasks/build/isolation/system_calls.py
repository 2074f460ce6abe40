"""The system calls that an isolated command may not make, as a program for seccomp.

Namespaces take away what a command may reach. What they leave is the kernel itself: this list
keeps it from the calls in which most of its faults were found and that no build needs, and from
namespaces of its own, in which it would have capabilities again. It follows the list of Docker:
https://docs.docker.com/engine/security/seccomp/
"""

from __future__ import annotations

import errno
import struct

# From linux/seccomp.h, linux/audit.h and linux/bpf_common.h; seccomp(2) explains them.
_ALLOW = 0x7FFF_0000
_ERRNO = 0x0005_0000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24
_ARCHITECTURES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_X32 = 0x4000_0000
"""On x86_64 a bit of the number: the same calls again, for programs of 32 bits."""

# clone(2): CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME.
_NEW_NAMESPACES = 0x7E02_0000 | 0x80
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
"""What types into a terminal: ioctl_tty(2), ioctl_console(2)."""
_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Others, such as AF_VSOCK, know no namespaces."""

_DENIED = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
"""By name, the numbers on x86_64 and on aarch64: asm/unistd_64.h, asm-generic/unistd.h."""

_UNKNOWN = {
    "clone3": (435, 435),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
}
"""Those of which a program is told that the kernel lacks them: it takes another way then.

What clone3 is asked for lies in memory, where a filter cannot look.
"""

_CHECKED = {"clone": (56, 220), "ioctl": (16, 29), "socket": (41, 198), "unshare": (272, 97)}
_COLUMNS = {"x86_64": 0, "aarch64": 1}

KNOWN_MACHINES = tuple(_COLUMNS)


def system_call_filter(machine: str) -> bytes:
    """Return the program for one of KNOWN_MACHINES, as bubblewrap's `--seccomp` takes it."""
    column = _COLUMNS[machine]
    refuse, unknown = _refusal(errno.EPERM), _refusal(errno.ENOSYS)
    program = [
        *(_one(_LOAD, _ARCHITECTURE), _one(_EQUAL, _ARCHITECTURES[machine], 1, 0), refuse),
        *(_one(_LOAD, _NUMBER), _one(_AT_LEAST, _X32, 0, 1), refuse),
    ]
    for table, answer in ((_DENIED, refuse), (_UNKNOWN, unknown)):
        for numbers in table.values():
            number = numbers[column]
            if number is not None:
                program += [_one(_EQUAL, number, 0, 1), answer]
    for name, check in _checks().items():
        program += [_one(_EQUAL, _CHECKED[name][column], 0, len(check)), *check]
    return b"".join([*program, _one(_RETURN, _ALLOW)])


def _checks() -> dict[str, list[bytes]]:
    """Return for some calls what looks at their arguments; each ends with an answer."""
    refuse, allow = _refusal(errno.EPERM), _one(_RETURN, _ALLOW)
    namespaces = [_one(_LOAD, _FIRST), _one(_ANY_BIT, _NEW_NAMESPACES, 0, 1), refuse, allow]
    families = [part for family in _FAMILIES for part in (_one(_EQUAL, family, 0, 1), allow)]
    return {
        "clone": namespaces,
        "ioctl": [
            *(_one(_LOAD, _SECOND), _one(_EQUAL, _TIOCSTI, 0, 1), refuse),
            *(_one(_EQUAL, _TIOCLINUX, 0, 1), refuse, allow),
        ],
        "socket": [_one(_LOAD, _FIRST), *families, _refusal(errno.EAFNOSUPPORT)],
        "unshare": namespaces,
    }


def _refusal(code: int) -> bytes:
    return _one(_RETURN, _ERRNO | code)


def _one(code: int, value: int, jump_if: int = 0, jump_else: int = 0) -> bytes:
    """Return one instruction: struct sock_filter of linux/filter.h."""
    return struct.pack("=HBBI", code, jump_if, jump_else, value)
