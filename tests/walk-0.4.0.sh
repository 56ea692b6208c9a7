#!/bin/sh
# Runs every command and flag of opencode-ctl 0.4.0 as scripts of its users have them.
#
#   walk-0.4.0.sh OCCTL
#
# Needs what a sandbox of the tests has: OCCTL_DATA_DIR, OCCTL_OPENCODE, and in the working
# directory an opencode.json with the scripted model and the permission "bash": {"*": "allow",
# "uname *": "ask", "rm *": "deny"}. Ends with status 1 at the first difference.
set -u
occtl=$1
out=$PWD/../walk.out
err=$PWD/../walk.err

fail() {
    echo "FAILED: $*"
    echo "--- stdout"; cat "$out"
    echo "--- stderr"; cat "$err"
    exit 1
}

# expect STATUS COMMAND…: runs occtl, keeps its output, and checks its status.
expect() {
    wanted=$1
    shift
    "$occtl" "$@" >"$out" 2>"$err" </dev/null
    status=$?
    [ "$status" = "$wanted" ] || fail "occtl $*: status $status instead of $wanted"
    last="occtl $*"
}

# has REGEX…: checks that each is found in the output; hasnot: that none is.
has() {
    for regex in "$@"; do
        grep -Eq -- "$regex" "$out" || fail "$last: no line like $regex"
    done
}
hasnot() {
    for regex in "$@"; do
        ! grep -Eq -- "$regex" "$out" || fail "$last: a line like $regex"
    done
}

# until_has SECONDS REGEX COMMAND…: runs occtl until the output has a line like it.
until_has() {
    tries=$(($1 * 5))
    regex=$2
    shift 2
    while [ "$tries" -gt 0 ]; do
        "$occtl" "$@" >"$out" 2>"$err" </dev/null && grep -Eq -- "$regex" "$out" && return
        tries=$((tries - 1))
        sleep 0.2
    done
    last="occtl $*"
    fail "$last: never a line like $regex"
}

only_line() { sed -n 1p "$out"; }

expect 0 version; has '^[0-9]+\.[0-9]+\.[0-9]+'
expect 0 list; has '^No active sessions$'
expect 0 cleanup; has '^No idle sessions to clean$'
expect 0 permissions; has '^No pending permissions in any session$'

# start: -w, -t, -a, --allow-occtl-commands and their long names
cp opencode.json ../
expect 0 start -w . -t 60 -a build
has '^Started session: oc-[0-9a-f]{8}$' '^  Port: [0-9]+$' '^  PID: [0-9]+$' '^  Agent: build$'
S=$(sed -n 's/^Started session: //p' "$out")
expect 0 start --workdir ../other/new --timeout 60 --agent plan --allow-occtl-commands
OTHER=$(sed -n 's/^Started session: //p' "$out")
[ -d ../other/new ] || fail "--workdir was not created"

expect 0 list
has '^ID +Port +PID +Status +Agent +Dirty +Last Activity'
has "^$S +[0-9]+ +[0-9]+ +idle +build +" "^$OTHER .* plan "
expect 0 status "$S"
has "^idle $S\$" '^  Port: ' '^  PID: ' '^  Agent: build$' '^  Last activity: '
expect 0 touch "$S"; has "^Updated activity: $S\$"

# stop: -f, --force
expect 0 stop -f "$OTHER"; has "^Stopped: $OTHER\$"
expect 0 start -t 60 -w ../other/new
OTHER=$(sed -n 's/^Started session: //p' "$out")
expect 0 stop --force "$OTHER"; has "^Stopped: $OTHER\$"

# send: plain, -w, -r, -a, -t and their long names
expect 0 send "$S" 'no waiting'; has '^ses_[A-Za-z0-9]+$'
FIRST=$(only_line)
until_has 60 "^idle $S\$" status "$S"
expect 0 send "$S" '[[echo forty-two]]' -w -a build -t 60; has '^forty-two$'
expect 0 send "$S" '[[bash echo from a tool]][[echo [bold] text [/usr/bin] ]]' \
    --wait --agent build --timeout 60
has '^\[bold\] text \[/usr/bin\]$'
expect 0 send "$S" '[[echo raw]]' -w -r; has '^\{.*"info".*"parts".*\}$'
expect 0 send "$S" '[[echo raw]]' --wait --raw; has '"parts"'

# sessions, chain, fork
expect 0 sessions "$S"; has '^Session ID +Title +Updated' "^$FIRST "
expect 0 send "$S" '[[task {{echo from the child}}]][[echo parent]]' -w
PARENT=$("$occtl" sessions "$S" --json | tr '{' '\n' |
    sed -n 's/.*"parent":"\(ses_[A-Za-z0-9]*\)".*/\1/p' | head -1)
expect 0 chain "$S"; has '^ *Session ID +Title +Parent +Created' '→'
expect 0 chain "$S" -s "$FIRST"; has "→.*$FIRST"
expect 0 chain "$S" --session "$PARENT"; has "→.*$PARENT"
expect 0 fork "$S"; has '^Forked: ses_' '^  Parent: ses_'
expect 0 fork "$S" -s "$FIRST"; has "^  Parent: $FIRST\$"
MESSAGE=$("$occtl" tail "$S" -s "$FIRST" -n 1 --json | grep -o 'msg_[A-Za-z0-9]*' | head -1)
expect 0 fork "$S" --session "$FIRST" -m "$MESSAGE"; has '^Forked: ses_'
expect 0 fork "$S" --session "$FIRST" --message "$MESSAGE"; has '^Forked: ses_'

# tail and its fourteen flags
expect 0 send "$S" '[[bash echo in the tool]][[echo a long answer]]' -w
expect 0 tail "$S"; has '━━━ user ━━━' '━━━ assistant ━━━' 'a long answer' '⚡ bash \(completed\)'
CONVERSATION=$("$occtl" sessions "$S" -q | head -1)
expect 0 tail "$S" -s "$FIRST"; has 'no waiting'; hasnot 'a long answer'
expect 0 tail "$S" --session "$FIRST"; has 'no waiting'
expect 0 tail "$S" -l; has 'a long answer'; hasnot 'in the tool'
expect 0 tail "$S" --last; has 'a long answer'
expect 0 tail "$S" --full; has 'a long answer'
expect 0 tail "$S" -n 1; has 'a long answer'; hasnot '━━━ user ━━━'
expect 0 tail "$S" --limit 1; hasnot '━━━ user ━━━'
expect 0 tail "$S" -f -t 30; has 'a long answer'
expect 0 tail "$S" --follow --timeout 30; has 'a long answer'
expect 0 tail "$S" -r; has '^a long answer$'; hasnot '━━━'
expect 0 tail "$S" --raw; has '^a long answer$'; hasnot '━━━'
expect 0 tail "$S" --role user; has '━━━ user ━━━'; hasnot '━━━ assistant ━━━'
expect 0 tail "$S" -g 'LONG answer' --role assistant; has 'a long answer'
expect 0 tail "$S" --search 'long answer' --role assistant; has 'a long answer'
expect 0 tail "$S" --tools; has '→ in the tool'
expect 0 tail "$S" -T; has '[0-9]{2}:[0-9]{2}'
expect 0 tail "$S" --timestamps; has '[0-9]{2}:[0-9]{2}'
expect 0 tail "$S" -C; has 'a long answer'
expect 0 tail "$S" --chain; has 'a long answer'
expect 0 tail "$S" -o ../exported; has '^Exported [0-9]+ messages to \.\./exported$'
grep -q 'a long answer' ../exported || fail "-o wrote something else"
expect 0 tail "$S" --output ../exported; has '^Exported '

# permissions, approve, reject
ask() {
    expect 0 send "$S" "$1"
    until_has 60 '^per_' permissions -q "$S"
    PERMISSION=$(only_line)
}
ask '[[bash uname -a]]'
expect 0 permissions "$S"; has '^ID +Type +Commands' "^$PERMISSION +bash +uname -a\$"
expect 0 permissions; has "$S" "$PERMISSION"
expect 0 status "$S"; has "^waiting_permission $S\$"
expect 0 approve "$S" "$PERMISSION"; has "^Approved \(once\): $PERMISSION\$"
expect 0 permissions "$S"; has '^No pending permissions$'
ask '[[bash uname -r]]'
expect 0 reject "$S" "$PERMISSION" -m 'not this one'; has "^Rejected: $PERMISSION\$"
ask '[[bash uname -r]]'
expect 0 reject "$S" "$PERMISSION" --message 'not this one'; has "^Rejected: "
ask '[[bash uname -r]]'
expect 0 reject "$S" "$PERMISSION"; has "^Rejected: "
ask '[[bash uname -s]]'
expect 0 approve "$S" "$PERMISSION" -a; has "^Approved \(always\): $PERMISSION\$"
expect 3 approve "$S" "$PERMISSION" --always
expect 3 reject "$S" per_unknown
until_has 60 "^idle $S\$" status "$S"

# config, test-permission
expect 0 config "$S"; has 'scripted/echo'
expect 0 config "$S" all; has 'scripted/echo'
expect 0 config "$S" permission; has 'uname \* +ask'
expect 0 config "$S" agent
expect 0 config "$S" tools
expect 0 config "$S" permission -j; has '^\{.*"uname \*":"ask".*\}$'
expect 0 config "$S" --json; has '"model":"scripted/echo"'
expect 0 test-permission "$S" ls; has '^✅ allow — ls$' '^Matched: .*→ allow$'
expect 6 test-permission "$S" 'uname -a'; has '^❓ ask — uname -a$' '^Matched: bash:uname \* → ask$'
expect 6 test-permission "$S" 'rm -r x'; has '^🚫 deny — rm -r x$'
expect 6 test-permission "$S" 'rm x' -a plan; has '🚫 deny'
expect 6 test-permission "$S" 'rm x' --agent plan; has '🚫 deny'

# logs
expect 0 logs; has 'level=|INFO'
expect 0 logs -n 1; [ "$(wc -l <"$out")" = 1 ] || fail "logs -n 1 shows more"
expect 0 logs --lines 2
expect 0 logs -l info -n 1; has 'INFO'
expect 0 logs --level INFO -a; has 'INFO'
expect 0 logs --all -n 1
expect 1 logs 'no such thing in any line'
"$occtl" logs -f -n 1 2>"$err" | head -1 >"$out"; has '.'
"$occtl" logs --follow -n 1 2>"$err" | head -1 >"$out"; has '.'

# attach: another test runs its program, which needs a terminal
expect 3 attach oc-00000000

# cleanup: -m, --max-idle
expect 0 cleanup; has '^No idle sessions to clean$'
expect 0 cleanup -m 1000; has '^No idle sessions to clean$'
until_has 60 '^Cleaned up 1 session\(s\):$' cleanup --max-idle 0.01; has "^  - $S\$"

# Where 0.4.0 always had status 1
for command in status stop touch permissions sessions chain fork tail config attach; do
    expect 3 "$command" oc-00000000
done
expect 2 start --no-such-flag
echo "every command and flag works"
