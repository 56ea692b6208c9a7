#!/bin/sh
# Runs the answer as a child and compares what it prints. Status 0 passes, every other one fails.
expect() {
    found=$(sh ./leap.sh "$1")
    if [ "$found" != "$2" ]; then
        echo "leap.sh $1 printed '$found' and not '$2'"
        exit 1
    fi
}

expect 2023 no
expect 2024 yes
expect 1900 no
expect 2100 no
expect 2000 yes
