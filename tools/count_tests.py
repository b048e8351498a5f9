#!/usr/bin/env python3
"""count_tests.py SKIPS LOG...: adds up what meson's testlog.json files say, test case by test case.

Criterion's executables report each case as TAP on standard output (CRITERION_OUTPUTS=tap:/dev/stdout); any other test
counts as one. A leak that LeakSanitizer found fails its test, although Criterion does not notice, and so do cases that
were planned and never reported. A skip that SKIPS does not list fails the run. The last line is the sum.
"""
import fnmatch
import json
import re
import sys

CASE = re.compile(r"^(ok|not ok) - (\S+::\S+)(.*)$", re.M)
PLAN = re.compile(r"^1\.\.(\d+)$", re.M)
SKIP = re.compile(r"^\s*#\s*SKIP\b\s*(.*)$", re.I)
LEAK = "LeakSanitizer: detected memory leaks"


def read_skips(path):
    with open(path, encoding="utf-8") as f:
        lines = (line.split("#", 1)[0].strip() for line in f)
        return [line for line in lines if line]


def cases(record):
    """(name, "passed" | "failed" | "skipped", reason) of everything that one record of the log holds."""
    out, result = record.get("stdout", ""), record["result"]
    name = record["name"].rsplit(" / ", 1)[-1]  # without the project and its suites
    text = out + record.get("stderr", "")
    found = []
    for verdict, case, rest in CASE.findall(out):
        skip = SKIP.match(rest)
        state = "skipped" if skip else "passed" if verdict == "ok" else "failed"
        found.append((f"{name}: {case}", state, skip.group(1) if skip else ""))
    plan = PLAN.search(out)
    if plan and len(found) < int(plan.group(1)):
        found.append((name, "failed", f"{len(found)} of {plan.group(1)} cases were reported"))
    if not plan:
        state = {"OK": "passed", "SKIP": "skipped"}.get(result, "failed")
        reason = re.search(r"^SKIP:?\s*(.*)$", text, re.M)
        found.append((name, state, reason.group(1) if reason and state == "skipped" else result))
    if LEAK in text:
        found.append((name, "failed", "leaked memory"))
    elif result not in ("OK", "SKIP") and not any(state == "failed" for _, state, _ in found):
        found.append((name, "failed", result))
    return found


def listed(case, skips):
    return any(fnmatch.fnmatchcase(case, pattern) for pattern in skips)


def main():
    skips = read_skips(sys.argv[1])
    sums = {"passed": 0, "failed": 0, "skipped": 0}
    bad = False
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as f:
            records = [json.loads(line) for line in f if line.strip()]
        for case, state, reason in (c for record in records for c in cases(record)):
            sums[state] += 1
            bad |= state == "failed"
            if state == "failed":
                print(f"FAILED  {case}  {reason}")
            if state == "skipped":
                known = listed(case, skips)
                bad |= not known
                print(f"skipped {case}  {reason}" + ("" if known else "  NOT LISTED in tests/skips.txt"))
    print(f"{sums['passed']} passed, {sums['failed']} failed, {sums['skipped']} skipped")
    return 1 if bad or not sums["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
