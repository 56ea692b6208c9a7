"""Runs the program as a child and compares what it prints."""
import subprocess
import sys

CASES = [
    ("b\na\nb\nc\na\n", "b\na\nc\n"),
    ("a\nb\na", "a\nb\n"),
    ("x", "x\n"),
    ("", ""),
    ("\n\n \n", "\n \n"),
    ("".join(f"{n}\n" for n in range(200)) * 2, "".join(f"{n}\n" for n in range(200))),
]
bad = 0
for given, want in CASES:
    done = subprocess.run([sys.executable, "unique.py"], input=given, capture_output=True,
                          text=True, timeout=20)
    if (done.returncode, done.stdout) != (0, want):
        print(f"{given[:20]!r}: {done.stdout[:40]!r} instead of {want[:40]!r}")
        bad = 1
sys.exit(bad)
