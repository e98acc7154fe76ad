"""One attack in a process of its own: what it did, and whether that is harmless.

The process is a fork, so that it starts at once with everything imported. It works in a folder
`inside`; beside it lies `outside`, which nothing may change. An attack holds when

- the reader refuses the file in one line (a `RequestError` or a ValueError of the runtime), or,
  where the attack allows it, takes the file and gets through;
- the process ends by itself, within SECONDS of processor time and MEMORY of more memory than it
  began with;
- nothing in or beside its folder was written, changed or removed, and no process was started.

What is read outside cannot be seen from here: files that would be read hold what would let the
reader go on, so that it is accepted, which does not hold.
"""

import faulthandler
import hashlib
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import RequestError
from zoo.start import child_command

SECONDS = 5.0  # of the processor
WALL = 20.0  # seconds after which a process is ended; the machine may be busy
MEMORY = 1 << 30  # bytes more than before
ROOM = 6 << 30  # bytes of addresses that a process may take: onnxruntime reserves some
OURS = child_command("export.hub.weights")  # the only process that a reader may start
REFUSED, TAKEN, FAULT = 2, 0, 70  # exit codes of the process


@dataclass(frozen=True)
class Attack:
    """A file or folder that was made to harm.

    Attributes:
        kind: the class of fault that it tries, with the CVE that is an example of it, if any.
        name: what is particular about it.
        make: writes it into a folder.
        read: reads what `make` returned, as a command would.
        words: what the refusal must say.
        may_pass: whether the reader may also take it, for what is perhaps not damaged.
    """

    kind: str
    name: str
    make: Callable[[Path], object]
    read: Callable[[object], object]
    words: str = ""
    may_pass: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of an attack; `fault` is empty where it held."""

    attack: Attack
    fault: str
    line: str
    seconds: float
    memory: int


def attempt(attack: Attack) -> Outcome:
    """Tries an attack in a folder of its own, which is removed again."""
    with tempfile.TemporaryDirectory(prefix="genzoo-attack-") as place:
        inside, outside = Path(place, "inside"), Path(place, "outside")
        inside.mkdir()
        outside.mkdir()
        (outside / "secret.txt").write_text("precious")
        made = attack.make(inside)
        before = _contents(Path(place))
        code, line, seconds, memory = _in_a_process(attack, made, inside)
        faults = _faults(attack, code, line, seconds, memory)
        if _contents(Path(place)) != before:
            faults.append("files were changed")
    return Outcome(attack, "; ".join(faults), line, seconds, memory)


def _faults(attack: Attack, code: int, line: str, seconds: float, memory: int) -> list[str]:
    found = []
    if code < 0:
        found.append(f"killed by signal {-code}")
    elif code == TAKEN and not attack.may_pass:
        found.append("was taken")
    elif code == REFUSED:
        if line.count("\n") or not line:
            found.append("refused in other than one line")
        if attack.words not in line:
            found.append(f"refused without the words {attack.words!r}")
    elif code != TAKEN:
        found.append("traceback")
    if seconds > SECONDS:
        found.append(f"{seconds:.1f} s")
    if memory > MEMORY:
        found.append(f"{memory >> 20} MiB")
    return found


def _in_a_process(attack: Attack, made: object, inside: Path) -> tuple[int, str, float, int]:
    """(exit code or minus the signal, what was said, seconds, bytes more than before)."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.close(reading)
        code, said = _read(attack, made, inside)
        os.write(writing, said.encode(errors="replace")[:60_000])
        os._exit(code)
    os.close(writing)
    end, said = time.monotonic() + WALL, b""
    while select.select([reading], [], [], max(0.0, end - time.monotonic()))[0]:
        if not (part := os.read(reading, 1 << 16)):
            break
        said += part
    else:
        os.kill(process, signal.SIGKILL)
    os.close(reading)
    _, status, used = os.wait4(process, 0)
    more = max(0, used.ru_maxrss - before) << 10
    seconds = used.ru_utime + used.ru_stime
    return os.waitstatus_to_exitcode(status), said.decode(errors="replace"), seconds, more


def _read(attack: Attack, made: object, inside: Path) -> tuple[int, str]:
    """(exit code, what the reader said), in the process of the attack."""
    try:
        os.chdir(inside)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, now + ROOM))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        warnings.simplefilter("error")
        faulthandler.disable()  # pytest's would print the stack of a process that is to die
        sys.addaudithook(_no_process)
        attack.read(made)
    except (RequestError, ValueError) as error:
        known = type(error) in (RequestError, ValueError)  # others derive from it: of codecs, JSON
        return (REFUSED, str(error)) if known else (FAULT, traceback.format_exc())
    except BaseException:
        return FAULT, traceback.format_exc()
    return TAKEN, ""


def _no_process(event: str, arguments: tuple[Any, ...]) -> None:
    """Has the process die that starts another, or calls a function by a C pointer."""
    ours = event == "subprocess.Popen" and arguments[1][:4] == OURS
    if (
        event in ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen")
        and not ours
    ):
        os.kill(os.getpid(), signal.SIGILL)
    if event in ("socket.connect", "pickle.find_class"):
        os.kill(os.getpid(), signal.SIGSYS)


def _contents(place: Path) -> dict[str, str]:
    """What lies at and below a folder: path to a digest, the target of a link, or a kind."""
    found = {}
    for folder, folders, names in os.walk(place):
        for name in (*folders, *names):
            path = Path(folder, name)
            if path.is_symlink():
                found[str(path)] = os.readlink(path)
            elif path.is_file():
                with open(path, "rb") as file:
                    found[str(path)] = hashlib.file_digest(file, "sha256").hexdigest()
            else:
                found[str(path)] = "other"
    return found
