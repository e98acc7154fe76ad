"""What goes wrong in a process, from outside: at one of its points it dies, or its disk is full.

The points of a process are its calls that change files, and its training steps, each before and
after. They are counted from 1 and written to a log as they are reached, so the same command with
the same seed has the same points every time, and nothing hangs on how quick the machine is. The
product knows nothing of this: the functions of `os` are replaced in the process that is tried.
"""

import errno
import functools
import os
import signal

CHANGES = ("open", "replace", "rename", "unlink", "rmdir", "mkdir", "fsync", "link")
TAKES_SPACE = ("open", "mkdir", "fsync")  # what a full disk refuses; a rename takes none
KILL, TEAR, FULL, READ_ONLY = "kill", "tear", "full", "read-only"


class Faults:
    """Counts the points of this process, and does something at one of them.

    Args:
        log: the path of a file that gets a line for each point: "before replace manifest.json".
        at: the number of the point at which it happens, None for never.
        kind: "kill", SIGKILL; "tear", the same after half of the file that is about to be synced
            has been lost, as a power cut may do; "full", from there on no file or folder can be
            made, and none is synced; "read-only", from there on nothing can be changed.
        folder: files elsewhere do not count.
    """

    def __init__(self, log, at, kind, folder):
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.at, self.kind, self.folder = at, kind, os.path.realpath(folder)
        self.count = 0
        self.fails = {}  # errno by function, from the point on

    def install(self):
        for name in CHANGES:
            setattr(os, name, self._watched(name, getattr(os, name)))

    def install_steps(self):
        """Counts training steps too; the backend has been chosen by now."""
        from zoo.training.callbacks import RunRecorder

        taken = RunRecorder.on_train_batch_end

        def counted(recorder, batch, logs=None):
            self.point("before step", recorder.step + 1)
            taken(recorder, batch, logs)
            self.point("after step", recorder.step)

        RunRecorder.on_train_batch_end = counted

    def _watched(self, name, function):
        @functools.wraps(function)
        def watched(subject, *rest, **options):
            path = self._path(subject, options)
            reads = name == "open" and not (rest and rest[0] & os.O_CREAT)
            if reads or not path.startswith(self.folder):
                return function(subject, *rest, **options)
            shown = os.path.relpath(path, self.folder)
            self.point(f"before {name}", shown, path)
            if name in self.fails:
                raise OSError(self.fails[name], os.strerror(self.fails[name]), shown)
            result = function(subject, *rest, **options)
            self.point(f"after {name}", shown, path)
            return result

        return watched

    def _path(self, subject, options):
        """The whole path of what a call is about: of an open file, of a name in an open folder."""
        if isinstance(subject, int):
            return os.readlink(f"/proc/self/fd/{subject}")
        path = os.fspath(subject)
        path = path.decode() if isinstance(path, bytes) else path
        if options.get("dir_fd") is not None:
            path = os.path.join(os.readlink(f"/proc/self/fd/{options['dir_fd']}"), path)
        folder, name = os.path.split(os.path.abspath(path))
        return os.path.join(os.path.realpath(folder), name)

    def point(self, what, shown, path=""):
        self.count += 1
        os.write(self.log, f"{what} {shown}\n".encode())
        if self.count != self.at:
            return
        if self.kind in (FULL, READ_ONLY):
            full = self.kind == FULL
            names, code = (TAKES_SPACE, errno.ENOSPC) if full else (CHANGES, errno.EROFS)
            self.fails = dict.fromkeys(names, code)
            return
        if self.kind == TEAR and what == "before fsync" and os.path.isfile(path):
            os.truncate(path, os.path.getsize(path) // 2)
        os.killpg(0, signal.SIGKILL)  # as a crash of the machine: what it started dies too
