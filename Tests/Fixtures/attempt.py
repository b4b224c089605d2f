"""Makes a running process try system calls, and prints what the kernel answered it.

    attempt.py PID CALL...

A debugger's way: stop the process (ptrace), let it execute a syscall instruction with our arguments, put everything back.
So it is the process itself that asks, with its own credentials and filters. One line a call: its name, then `ok` or the
name of the error. Descriptors that come of it are closed in the process. x86-64 only.

A CALL is one of CALLS below, or open:PATH, open-for-writing:PATH, unlink:PATH, execute:PATH.
"""

import ctypes
import errno
import os
import signal
import struct
import sys
import time

AF_UNIX, AF_INET, AF_NETLINK, STREAM, DATAGRAM = 1, 2, 16, 1, 2
AT_FDCWD = -100
X32 = 0x40000000
SCRATCH = "a place for bytes on the process's stack"

# Name: number and arguments on x86-64 (arch/x86/entry/syscalls/syscall_64.tbl). None of those that are expected to be
# refused would do harm where it is not: descriptors are -1, flags wrong, signals 0.
CALLS = {
    "getpid": (39,),
    "socket-inet": (41, AF_INET, STREAM, 0),
    "socket-datagram": (41, AF_INET, DATAGRAM, 0),
    "socket-unix": (41, AF_UNIX, STREAM, 0),
    "socket-netlink": (41, AF_NETLINK, DATAGRAM, 0),
    "socketpair": (53, AF_UNIX, STREAM, 0, SCRATCH),
    "connect": (42, -1, 0, 0),
    "accept": (43, -1, 0, 0),
    "accept4": (288, -1, 0, 0, 0),
    "sendto": (44, -1, 0, 0, 0, 0, 0),
    "recvfrom": (45, -1, 0, 0, 0, 0, 0),
    "sendmsg": (46, -1, 0, 0),
    "sendmmsg": (307, -1, 0, 0, 0),
    "bind": (49, -1, 0, 0),
    "listen": (50, -1, 0),
    "io_uring_setup": (425, 0, 0),
    "clone-invalid": (56, 0x10000, 0, 0, 0, 0),
    "clone3-invalid": (435, 0, 0),
    "fork": (57,),
    "vfork": (58,),
    "execveat": (322, -1, 0, 0, 0, 0),
    "ptrace": (101, 16, -1, 0, 0),
    "process_vm_readv": (310, 0, 0, 0, 0, 0, 0),
    "process_vm_writev": (311, 0, 0, 0, 0, 0, 0),
    "pidfd_getfd": (438, -1, 0, 0),
    "kill-init": (62, 1, 0),
    "tgkill-init": (234, 1, 1, 0),
    "prlimit-init": (302, 1, 7, 0, 0),
    "setuid": (105, 0),
    "setns": (308, -1, 0),
    "unshare": (272, 0x20000),
    "mount": (165, 0, 0, 0, 0, 0),
    "chmod": (90, 0, 0),
    "memfd_create": (319, 0, 0xFFFF),
    "userfaultfd": (323, 0xFFFF),
    "keyctl": (250, 0xFFFF, 0, 0, 0, 0),
    "init_module": (175, 0, 0, 0),
    "kexec_load": (246, 0, 0, 0, 0xFFFF),
    "ioctl-terminal": (16, 2, 0x5412, SCRATCH),
    "getpid-x32": (39 | X32,),
    "getpid-int80": ("int 0x80", 20),
    "a-call-of-the-future": (1000,),
}
CLOSE = 3
PATHS = {
    "open": lambda path: (257, AT_FDCWD, path, os.O_RDONLY | os.O_CLOEXEC, 0),
    "open-for-writing": lambda path: (257, AT_FDCWD, path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600),
    "unlink": lambda path: (87, path),
    "execute": lambda path: (59, path, 0, 0),
}
OPENS = {"open", "open-for-writing", "socket-inet", "socket-datagram", "socket-unix", "socket-netlink", "memfd_create"}

FIELDS = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"


class Registers(ctypes.Structure):
    """struct user_regs_struct."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in FIELDS.split()]


libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
PEEKTEXT, POKETEXT, SINGLESTEP, GETREGS, SETREGS, ATTACH, DETACH = 1, 4, 9, 12, 13, 16, 17
WALL = 0x40000000
SYSCALL, INT80 = b"\x0f\x05", b"\xcd\x80"


def ptrace(request, pid, address=None, data=None):
    ctypes.set_errno(0)
    result = libc.ptrace(request, pid, address, data)
    if result == -1 and ctypes.get_errno():
        raise OSError(ctypes.get_errno(), f"ptrace request {request}: {os.strerror(ctypes.get_errno())}")
    return result


class Puppet:
    """A stopped process, until the end of the `with`."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        # Between two system calls there is no syscall instruction just behind: try again when it sleeps.
        for _ in range(500):
            ptrace(ATTACH, self.pid)
            os.waitpid(self.pid, WALL)
            self.before = Registers()
            ptrace(GETREGS, self.pid, None, ctypes.addressof(self.before))
            self.site = self.before.rip - 2
            if self.peek(self.site)[:2] == SYSCALL:
                return self
            ptrace(DETACH, self.pid)
            time.sleep(0.01)
        raise SystemExit(f"process {self.pid} is never found in a system call")

    def __exit__(self, *_):
        ptrace(SETREGS, self.pid, None, ctypes.addressof(self.before))
        ptrace(DETACH, self.pid)

    def peek(self, address):
        return struct.pack("<q", ptrace(PEEKTEXT, self.pid, address))

    def poke(self, address, data):
        for offset in range(0, len(data), 8):
            word = data[offset:offset + 8]
            word += self.peek(address + offset)[len(word):]
            ptrace(POKETEXT, self.pid, address + offset, struct.unpack("<Q", word)[0])

    def call(self, number, *arguments):
        """What the kernel put into rax."""
        instruction = SYSCALL
        if number == "int 0x80":
            instruction, (number, *arguments) = INT80, arguments
        registers = Registers.from_buffer_copy(self.before)
        # Below the red zone of the function that is interrupted.
        scratch = (self.before.rsp - 8192) & ~15
        values = []
        for argument in arguments:
            if argument is SCRATCH:
                self.poke(scratch, bytes(16))
                argument = scratch
            elif isinstance(argument, str):
                self.poke(scratch + 64, argument.encode() + b"\0")
                argument = scratch + 64
            values.append(argument & 0xFFFFFFFFFFFFFFFF)
        for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), values):
            setattr(registers, name, value)
        registers.rax = number
        # Not in a system call, so that the kernel has none to restart.
        registers.orig_rax = 0xFFFFFFFFFFFFFFFF
        registers.rip = self.site
        if instruction != SYSCALL:
            self.poke(self.site, instruction)
        ptrace(SETREGS, self.pid, None, ctypes.addressof(registers))
        ptrace(SINGLESTEP, self.pid)
        _, status = os.waitpid(self.pid, WALL)
        if not os.WIFSTOPPED(status) or os.WSTOPSIG(status) != signal.SIGTRAP:
            raise SystemExit(f"process {self.pid} did not survive the attempt: status {status}")
        ptrace(GETREGS, self.pid, None, ctypes.addressof(registers))
        if instruction != SYSCALL:
            self.poke(self.site, SYSCALL)
        return ctypes.c_longlong(registers.rax).value


def main():
    pid = int(sys.argv[1])
    for name in sys.argv[2:]:
        kind, _, path = name.partition(":")
        call = PATHS[kind](path) if path else CALLS[name]
        with Puppet(pid) as puppet:
            answer = puppet.call(*call)
            if answer >= 0 and kind in OPENS:
                puppet.call(CLOSE, answer)
        # An int 0x80 leaves 32 bits.
        if -4096 < answer < 0 or 0xFFFFF000 < answer <= 0xFFFFFFFF:
            print(name, errno.errorcode.get(-answer & 0xFFFFFFFF if answer < 0 else 0x100000000 - answer, answer))
        else:
            print(name, "ok")


main()
