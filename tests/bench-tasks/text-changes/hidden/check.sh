#!/bin/sh
cat >"$TMPDIR/want" <<'END'
# Changes

## 0.10.0
- Accept several files
- Sort by date

## 0.9.0
- Print sums
- Read files of any size

## 0.2.0
- First version
END
diff "$TMPDIR/want" CHANGES.md
