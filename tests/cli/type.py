"""Types keys into a shell on a terminal of its own, and waits until it shows what is expected."""
import os, pty, select, signal, sys, time

shell, start, keys, expected = sys.argv[1:5]
LIMIT = 30
FLAGS = {"bash": ["--noprofile", "--norc", "-i"], "zsh": ["-f", "-i"], "fish": ["--no-config", "-i"]}
os.environ["TERM"] = "xterm"
os.environ["PS1"] = "ready> "
child, terminal = pty.fork()
if child == 0:
    os.execvp(shell, [shell, *FLAGS[shell]])


def wait(until, text):
    """Reads until a text was shown; gives all that was read."""
    seen = ""
    while text not in seen and time.monotonic() < until:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 65536).decode("utf-8", "replace")
            except OSError:
                break
    return seen


until = time.monotonic() + LIMIT
# The quotes are not in what the shell prints, so that the echo of the line is not taken for it.
os.write(terminal, (start + "; echo set''up\n").encode())
shown = wait(until, "setup")
os.write(terminal, keys.encode().decode("unicode_escape").encode())
shown = wait(until, expected)
os.kill(child, signal.SIGKILL)
if expected not in shown:
    sys.exit(f"{shell} does not show {expected!r} but {shown!r}")
