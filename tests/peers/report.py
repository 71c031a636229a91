#!/usr/bin/env python3
"""Keeps the rows of `run`, compares what a peer wrote with what it should have, and makes the table.

An id of a key (a UUID of version 5) has to be the same. Any other is made of our own map and only has to stand in the
same places: one of theirs for one of ours. `equal` counts what is the same so; `alike` also what only writes times in
another way, `Z` for `+00:00` and more digits.
"""

import datetime
import json
import statistics
import sys
from collections import Counter

ID = "urn:uuid:"


def own(rows, round, beside):
    for row in json.load(sys.stdin):
        keep(rows, round, beside, {key: row[key] for key in ("workload", "engine", "messages_per_s")})


def peer(rows, round, name, expected, written):
    row = json.loads(sys.stdin.readline())
    with open(expected, encoding="utf-8") as expected, open(written, encoding="utf-8") as written:
        pairs = list(zip(map(json.loads, expected), map(json.loads, written), strict=True))
    equal = sum(Comparison(same).difference(*pair) is None for pair in pairs)
    wrong = [Comparison(same_moment).difference(*pair) for pair in pairs]
    differences = Counter(it for it in wrong if it).most_common(8)
    row |= {"equal": equal, "alike": wrong.count(None), "messages": len(pairs), "first_differences": dict(differences)}
    keep(rows, round, name, row)


def failed(rows, name, why):
    keep(rows, 0, name, {"engine": name, "failed": why})
    print(f"{name}: {why}", file=sys.stderr)


def keep(rows, round, beside, row):
    with open(rows, "a", encoding="utf-8") as out:
        print(json.dumps({"round": int(round), "beside": beside, **row}), file=out)


def same(ours, theirs):
    is_number = {type(ours), type(theirs)} <= {int, float}
    return ours == theirs and (is_number or type(ours) is type(theirs))


def same_moment(ours, theirs):
    return same(ours, theirs) or (moment(ours) is not None and moment(ours) == moment(theirs))


def moment(text):
    try:
        return datetime.datetime.fromisoformat(text) if "T" in text else None
    except (TypeError, ValueError):
        return None


class Comparison:
    def __init__(self, same):
        self.same, self.theirs, self.ours = same, {}, {}

    def difference(self, ours, theirs, at=""):
        """Where they first differ, without numbers of lists; nothing if they are the same."""
        if isinstance(ours, dict) and isinstance(theirs, dict):
            at = ours.get("resourceType", at)
            missing = [key for key in [*ours, *theirs] if (key in ours) != (key in theirs)]
            if missing:
                return f"{at}.{missing[0]}"
            found = (self.difference(ours[key], theirs[key], f"{at}.{key}") for key in ours)
        elif isinstance(ours, list) and isinstance(theirs, list):
            if len(ours) != len(theirs):
                return f"{at} has {len(theirs)}, not {len(ours)}"
            found = (self.difference(*pair, at) for pair in zip(ours, theirs))
        elif is_id(ours) and is_id(theirs):
            return None if self.same_id(ours, theirs) else at
        else:
            return None if self.same(ours, theirs) else at
        return next((it for it in found if it), None)

    def same_id(self, ours, theirs):
        if ours[len(ID) + len("00000000-0000-")] == "5":
            return ours == theirs
        return self.theirs.setdefault(ours, theirs) == theirs and self.ours.setdefault(theirs, ours) == ours


def is_id(of):
    return isinstance(of, str) and of.startswith(ID)


def table(rows, out):
    with open(rows, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    ours = {(it["round"], it["beside"], it["workload"]): it for it in rows if it["engine"] == "native"}
    results = {}
    for row in rows:
        if "failed" in row:
            results[row["engine"], row.get("workload", "")] = row
        elif native := ours.get((row["round"], row["beside"], row["workload"])):
            result = results.setdefault((row["engine"], row["workload"]), {**row, "ratios": [], "rates": []})
            result["ratios"].append(native["messages_per_s"] / row["messages_per_s"])
            result["rates"].append(row["messages_per_s"])
    print("| workload | engine | messages/s | native is faster by | lowest to highest | equal (alike) |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    final = []
    for (engine, workload), it in sorted(results.items(), key=lambda it: it[0][::-1]):
        if "failed" in it:
            print(f"| | {engine} | {it['failed']} | | | |")
            final.append(it)
            continue
        ratios, rate = it.pop("ratios"), statistics.median(it.pop("rates"))
        ratio = statistics.median(ratios)
        equal = f"{it['equal']} ({it['alike']}) of {it['messages']}" if "equal" in it else ""
        spread = f"{min(ratios):,.1f} to {max(ratios):,.1f}"
        print(f"| {workload} | {engine} | {rate:,.0f} | {ratio:,.1f} | {spread} | {equal} |")
        drop = ("round", "beside")
        final.append({key: it[key] for key in it if key not in drop} | {"messages_per_s": rate, "native_ratio": ratio})
    with open(out, "w", encoding="utf-8") as file:
        json.dump({"results": final, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"own": own, "peer": peer, "failed": failed, "table": table}[command](*arguments)
