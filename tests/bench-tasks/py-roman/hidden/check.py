"""Runs the program as a child and compares what it prints."""
import subprocess
import sys

WANT = {1: "I", 4: "IV", 9: "IX", 14: "XIV", 40: "XL", 90: "XC", 400: "CD", 1994: "MCMXCIV",
        2026: "MMXXVI", 3999: "MMMCMXCIX"}
bad = 0


def run(word):
    done = subprocess.run([sys.executable, "roman.py", word], capture_output=True, text=True,
                          timeout=20)
    return done.returncode, done.stdout.strip()


for number, numeral in WANT.items():
    got = run(str(number))
    if got != (0, numeral):
        print(f"{number}: {got} instead of {numeral}")
        bad = 1
for word in ["0", "4000", "-1", "x", ""]:
    got = run(word)
    if got != (2, ""):
        print(f"{word!r}: {got}")
        bad = 1
sys.exit(bad)
