import sys

for line in set(sys.stdin.readlines()):
    sys.stdout.write(line)
