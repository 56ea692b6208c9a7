#!/bin/sh
# Made by `occtl bench import harbor`. Runs the tests as Harbor does: they are in /tests, what they
# print is in /logs/verifier/test-stdout.txt, their status says nothing, and the verdict is a number
# in /logs/verifier/reward.json or, without that, reward.txt. 1 passes, any other is the score.
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)

# Status 75 says that nothing can be said of the answer.
unable() {
    echo "check.sh: $1"
    exit 75
}

for program in awk cat cp head mkdir rm; do
    command -v "$program" >/dev/null || unable "$program is missing"
done
# Outside of a sandbox these would be directories of the machine.
[ -d /tests ] && [ -d /logs ] || unable "/tests and /logs are missing: the plan's wrap makes them"
[ -z "$(ls -A /tests)" ] || unable "/tests is not empty"
cp -R "$here/tests/." /tests || unable "the tests cannot be copied to /tests"
rm -rf /logs/verifier && mkdir -p /logs/verifier || unable "/logs/verifier cannot be emptied"
# The tests find the working directory as the agent left it.
rm -rf "$here"
: >/logs/verifier-began
cd @WORKDIR@ || unable "there is no working directory"
unset LC_ALL
@EXPORTS@
if [ "$(head -c 2 /tests/test.sh)" = '#!' ]; then
    chmod +x /tests/test.sh
    /tests/test.sh >/logs/verifier/test-stdout.txt 2>&1
else
    sh /tests/test.sh >/logs/verifier/test-stdout.txt 2>&1
fi
export LC_ALL=C
cat /logs/verifier/test-stdout.txt

# A file, no link, and not older than this run.
is_new() {
    [ -f "$1" ] && [ ! -L "$1" ] && ! [ /logs/verifier-began -nt "$1" ]
}

# The number of a flat object of numbers: that of "reward", or the only one.
of_object() {
    awk '
        { text = text $0 " " }
        END {
            gsub(/[ \t\r]+/, " ", text)
            if (text !~ /^ ?[{].*[}] ?$/) exit 1
            sub(/^ ?[{]/, "", text)
            sub(/[}] ?$/, "", text)
            while (text !~ /^ ?$/) {
                number = "-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?"
                if (!match(text, "^ ?\"[^\"\\\\]*\" ?: ?" number " ?(,|$)")) exit 1
                pair = substr(text, 1, RLENGTH)
                text = substr(text, RLENGTH + 1)
                if (pair ~ /,$/ && text ~ /^ ?$/) exit 1
                key = pair
                sub(/^ ?"/, "", key)
                sub(/".*/, "", key)
                sub(/^ ?"[^"]*" ?: ?/, "", pair)
                sub(/ ?,?$/, "", pair)
                count++
                if (key == "reward") reward = pair
                only = pair
            }
            if (reward == "" && count == 1) reward = only
            if (reward == "") exit 1
            print reward
        }' "$1"
}

of_text() {
    awk '
        { text = text $0 " " }
        END {
            gsub(/^[ \t\r]+|[ \t\r]+$/, "", text)
            if (text !~ /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/) exit 1
            print text
        }' "$1"
}

json=/logs/verifier/reward.json
txt=/logs/verifier/reward.txt
if is_new "$json"; then
    reward=$(of_object "$json") || unable "reward.json holds no reward: $(head -c 200 "$json")"
    metrics=$(cat "$json")
elif is_new "$txt"; then
    reward=$(of_text "$txt") || unable "reward.txt holds no number: $(head -c 200 "$txt")"
    metrics=
else
    unable "the tests left no reward in /logs/verifier"
fi
number=$(awk -v text="$reward" 'BEGIN { printf "%.12g", text + 0 }')
[ -n "$metrics" ] || metrics="{\"reward\": $number}"
score=$(awk -v text="$reward" 'BEGIN { exit !(text + 0 >= 0 && text + 0 <= 1) }' && echo "\"score\": $number, ")
[ -z "$OCCTL_SCORE_FILE" ] || printf '{%s"metrics": %s}\n' "$score" "$metrics" >"$OCCTL_SCORE_FILE"
echo "reward: $reward"
awk -v text="$reward" 'BEGIN { exit text + 0 != 1 }'
