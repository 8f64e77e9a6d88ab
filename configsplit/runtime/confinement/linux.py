"""What Linux lets an unprivileged process give up for good: files by Landlock, system calls by seccomp, capabilities.

All by system calls through ctypes, before anything else is loaded: Landlock holds for the thread that asks and those that it
starts, so there must be no other thread yet. Where the kernel has no Landlock, a mount namespace in which everything but the
private folder is read-only takes its place; reading is then not restricted.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import stat
import struct
from collections.abc import Iterable, Sequence

_CREATE, _ADD, _RESTRICT, _MOUNT_SETATTR = 444, 445, 446, 442  # the same on every machine
_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _SET_PARENT_DEATH_SIGNAL = 38, 22, 1
_NEW_USER, _NEW_MOUNTS, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x00020000, 0x40000000, 0x08000000
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18
_READ_ONLY, _AT_RECURSIVE = 1, 0x8000

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_OF_FILES = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""ABI of Landlock -> how many rights on files it knows; newer ones know no more."""
_ON_FILES_ONLY = 1 | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15
_NEVER = 1 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 15  # execute; make devices, sockets, pipes; control devices

_SYSTEM = """
    /usr /lib /lib64 /lib32 /etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d /etc/localtime /etc/alternatives /sys /proc/self
    /proc/cpuinfo /proc/meminfo /proc/stat /proc/filesystems /proc/version /proc/sys/kernel /proc/sys/vm /dev/urandom
    /dev/random /dev/zero
"""

_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    result = int(_LIBC.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _control(option: int, *values: object) -> None:
    given = [*values, *([0] * (4 - len(values)))]
    if _LIBC.prctl(option, *(ctypes.c_ulong(item) if isinstance(item, int) else item for item in given)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def die_with_parent(parent: int) -> None:
    """Be killed when the process that started this one ends, however it ends."""
    _control(_SET_PARENT_DEATH_SIGNAL, 9)
    if os.getppid() != parent:
        os._exit(1)


# --------------------------------------------------------------------------------------------------------------- Landlock


def landlock_version() -> int:
    """The version of Landlock that the kernel has; 0 where it has none, or does not use it."""
    try:
        return _call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    except OSError:
        return 0


def restrict_files(readable: Iterable[str], writable: Iterable[str], version: int) -> None:
    """Give up every file but these and those of the system; nothing may be executed, no TCP port opened."""
    every = (1 << _OF_FILES.get(version, 16)) - 1
    network, scopes = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    whole = struct.pack("QQQ", every, network, scopes)
    attributes = whole[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = _call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    for path in (*_SYSTEM.split(), *readable):
        _allow(rules, path, _READ_FILE | _READ_DIR)
    _allow(rules, "/dev/null", (_READ_FILE | _WRITE_FILE | 1 << 14) & every)
    for path in writable:
        _allow(rules, path, every & ~_NEVER)
    _call(_RESTRICT, ctypes.c_int(rules), ctypes.c_uint(0))
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not there on this machine
        return
    try:
        folder = stat.S_ISDIR(os.fstat(opened).st_mode)
        rule = struct.pack("=Qi", rights if folder else rights & _ON_FILES_ONLY, opened)
        _call(_ADD, ctypes.c_int(rules), ctypes.c_int(1), rule, ctypes.c_uint(0))
    finally:
        os.close(opened)


# ------------------------------------------------------------------------------------------------------------- namespaces


def enter_namespaces(writable: Sequence[str]) -> None:
    """A file system of our own in which only ``writable`` can be written to, and a network without interfaces."""
    user, group = os.getuid(), os.getgid()
    if _LIBC.unshare(_NEW_USER | _NEW_MOUNTS | _NEW_NETWORK | _NEW_IPC) != 0:
        raise OSError(ctypes.get_errno(), "namespaces are not permitted")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - pathlib is not loaded yet
            file.write(text)
    _mount(None, "/", _RECURSIVE | _PRIVATE)
    for path in writable:
        _mount(path, path, _BIND)
    _set_read_only("/", True, _AT_RECURSIVE)
    for path in writable:
        _set_read_only(path, False, 0)


def _mount(source: str | None, target: str, flags: int) -> None:
    given = None if source is None else os.fsencode(source)
    if _LIBC.mount(given, os.fsencode(target), None, ctypes.c_ulong(flags), None) != 0:
        raise OSError(ctypes.get_errno(), f"{target} cannot be mounted")


def _set_read_only(path: str, on: bool, flags: int) -> None:
    attributes = struct.pack("QQQQ", _READ_ONLY if on else 0, 0 if on else _READ_ONLY, 0, 0)
    _call(_MOUNT_SETATTR, ctypes.c_int(-100), os.fsencode(path), ctypes.c_uint(flags), attributes, ctypes.c_size_t(32))


# ---------------------------------------------------------------------------------------------------------------- seccomp

_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_REFUSED = {
    # network
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    # programs and processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "kcmp": (312, 272), "setrlimit": (160, 164), "setpriority": (141, 140), "setsid": (112, 157), "setpgid": (109, 154),
    # what Landlock does not cover of files
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "mknod": (133, None), "mknodat": (259, 33),
    # the kernel's larger doors
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "sethostname": (170, 161), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "adjtimex": (159, 171), "acct": (163, 89), "quotactl": (179, 60), "syslog": (103, 116),
    "setuid": (105, 146), "setgid": (106, 144), "setgroups": (116, 159), "setreuid": (113, 145), "setregid": (114, 143),
    "setresuid": (117, 147), "setresgid": (119, 149), "iopl": (172, None), "ioperm": (173, None), "shmget": (29, 194),
    "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190), "memfd_create": (319, 279), "fanotify_init": (300, 262),
}  # fmt: skip
"""System calls that no model needs -> their numbers on x86-64 and on 64-bit ARM."""

_CLONE, _CLONE3, _KILL, _TGKILL, _PRLIMIT = (56, 220), (435, 435), (62, 129), (234, 131), (302, 261)
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL_PROCESS, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST, _THIRD = 0, 4, 16, 32
_THREAD = 0x00010000

_Step = tuple[int, int, int, int]


def can_filter() -> bool:
    return platform.machine() in _MACHINES


def filter_calls() -> None:
    """Refuse the calls above for good, new processes, signals to others, and other limits than those that hold."""
    program = b"".join(struct.pack("HBBI", *step) for step in _program(*_MACHINES[platform.machine()], os.getpid()))
    buffer = ctypes.create_string_buffer(program, len(program))
    head = ctypes.create_string_buffer(struct.pack("HP", len(program) // 8, ctypes.addressof(buffer)))
    _control(_SET_SECCOMP, 2, ctypes.c_void_p(ctypes.addressof(head)))


def _program(architecture: int, column: int, pid: int) -> list[_Step]:
    steps: list[_Step] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, 0x40000000),  # the 32-bit face of x86-64 has numbers of its own
        (_RETURN, 0, 0, _FAIL | errno.EPERM),
    ]
    for numbers in _REFUSED.values():
        if (number := numbers[column]) is not None:
            steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _FAIL | errno.EPERM)]
    # glibc falls back to clone, whose flags can be read
    steps += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _FAIL | errno.ENOSYS)]
    steps += _only_if(_CLONE[column], _FIRST, (_ANY_BIT, _THREAD))
    steps += _only_if(_KILL[column], _FIRST, (_EQUAL, pid))
    steps += _only_if(_TGKILL[column], _FIRST, (_EQUAL, pid))
    steps += _only_if(_PRLIMIT[column], _THIRD, (_EQUAL, 0))
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _only_if(number: int, argument: int, test: tuple[int, int]) -> list[_Step]:
    """Allow a call only where an argument (its lower half) passes a test."""
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, argument),
        (test[0], 0, 1, test[1]),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _FAIL | errno.EPERM),
    ]


# ----------------------------------------------------------------------------------------------------------- capabilities


def forbid_new_privileges() -> None:
    _control(_SET_NO_NEW_PRIVILEGES, 1)


def drop_capabilities() -> None:
    """What root may beyond others goes, but for reading files of others: those that may be read are few enough."""
    kept = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    held = ctypes.create_string_buffer(struct.pack("6I", 0, 0, 0, 0, 0, 0))
    head = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    if _LIBC.capget(head, held) != 0:
        raise OSError(ctypes.get_errno(), "capabilities cannot be read")
    effective, permitted = struct.unpack("6I", held.raw[:24])[0:2]
    low = struct.pack("6I", effective & kept, permitted & kept, 0, 0, 0, 0)
    if _LIBC.capset(head, ctypes.create_string_buffer(low)) != 0:
        raise OSError(ctypes.get_errno(), "capabilities cannot be given up")


def threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - pathlib is not loaded yet
