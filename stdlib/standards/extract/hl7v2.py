"""Extracts the facts of HL7 v2 that emr embeds, from three packages of public registries.

    python3 hl7v2.py APY TYPES DICTIONARY OUT

APY is the unpacked wheel of hl7apy 1.3.5, TYPES that of hl7types 0.9.5, DICTIONARY the unpacked hl7-dictionary 1.0.1.
Their files are read as syntax and never run. OUT gets `<version>.txt` for 13 versions, `union.txt` and `tables.txt`.
One fact stands on a line. A block opens with a line `# kind name title`; a reader finds it by a search for its heading.

    # structure NAME title   one member on a line: NAME min..max, then `group` or `choice`; a group's members follow it,
                             indented by one blank more
    # segment NAME title     number min..max type length table title; `-` where there is no type, `0` no length
    # datatype NAME title    the same; a block without lines is a type without components
    # events                 CODE_EVENT STRUCTURE
    # table NUMBER title     (tables.txt) code, versions, text, with tabs between them
In union.txt a line has `@since-withdrawn` before the title: the first version with it, the first that has it no more.

Recorded decisions, where the packages are at odds:
  * hl7apy is the base: it alone keeps segments of one name in one structure apart. A type, an obligation or a maximum
    is another one only where hl7types and hl7-dictionary agree against it; for 2.8 and later, which hl7-dictionary
    lacks, the third vote is the version before, and where that lacks the place, hl7types decides whether it repeats.
    This mends repetitions of AUT, BUI, DON and others in 2.8. OBR-13 of 2.7 is ST, as hl7types has it.
  * A field that an older version has and a newer one passes over is withdrawn. Those of ORO in 2.1 that hl7apy lacks
    are hl7types'.
  * OBX-20..25 of 2.5.1 are hl7apy's: 20..22 are reserved, 23..25 the performing organization, each at most once.
  * The table of a field with components is kept where the type is a coded one; else it is that of a component.
  * 2.7.1 is in hl7types alone, without what repeats inside a structure: what hl7types has alike in 2.7 (or 2.8) is
    hl7apy's of 2.7 (or 2.8), the rest is hl7types' own.
  * HL79999 and 9999 are placeholders and no table. A type `WD` and a maximum of 0 mean withdrawn: no type, 0..0.
  * Names are those of hl7types, else of hl7-dictionary, else of the nearest later, then earlier version, else hl7apy's
    in capitals, written as words. Lengths are those of hl7types, else of hl7-dictionary.
  * hl7apy marks groups of EHC, SDR, and of the queries E03 and E22 as a choice whose members come one after another:
    they are sequences. One member of a choice is there, hence each has the minimum 0.
  * SIU_S13..S26 are events of SIU_S12, not structures. Else an event's structure is hl7apy's of its name, else that of
    table 0354 of hl7-dictionary, if the version has it. `events-decided.txt` goes before all this: 387 events of which
    the profiles of rethinkhealth/hl7v2 say something else or alone say something, and 4 that hl7types alone names. It
    is written by hand, `VERSION EVENT STRUCTURE reason` on a line; `-` is no structure.
  * hl7-dictionary lacks 2.8 and later: what it names as an event in 2.7.1 is one there too.
  * Union: a place is that of the newest version in which it is not withdrawn; it is required if each version that has
    it requires it. Where that version is not the newest, CE and IS are CWE, and TS is DTM.
    A length is that of the newest version that has the type and a length.
  * Union of a structure: the newest version's, and what older versions had in the same group and it has less often
    there, after the member that it followed. A group that the same segment opens is the same group with an older
    name. A segment whose group is gone, or that moved to another group, is not added twice. What an older version
    lacks is optional.
"""

import pathlib
import re
import sys

from hl7v2_sources import PLACEHOLDERS, VERSIONS, Sources, drawn, expand, gone, number

RESERVED = "Reserved for harmonization with V2.6"
CODED = ("CE", "CF", "CNE", "CWE")
RENAMED = {"CE": "CWE", "IS": "CWE", "TS": "DTM"}
SCHEDULING = re.compile(r"SIU_S(1[3-9]|2[0-6])$")


def main(apy, types, dictionary, out):
    sources = Sources(pathlib.Path(apy), pathlib.Path(types), pathlib.Path(dictionary))
    versions = {}
    for version in VERSIONS:
        before = versions.get(VERSIONS[VERSIONS.index(version) - 1]) if version != VERSIONS[0] else None
        versions[version] = whole(sources, version, before)
    out = pathlib.Path(out)
    for version, facts in versions.items():
        write(out / f"{version}.txt", lines(facts))
    write(out / "union.txt", lines(union(versions)))
    write(out / "tables.txt", tables(sources))


def write(path, lines):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines) + "\n")


# One version


def whole(sources, version, before):
    apy, types, dictionary = sources.apy[version], sources.types[version], sources.dictionary.get(version)
    facts = {"version": version, "structures": {}, "segments": {}, "datatypes": {}, "titles": {}}
    for kind in ("segments", "datatypes"):
        for key, places in apy[kind].items():
            older = before[kind].get(key, {}) if before else {}
            if kind == "segments":
                # Those are the places that a version passes over, since they are withdrawn.
                passed = {n: gone(place["raw"]) for n, place in older.items()}
                places = {**passed, **lacking(types[kind].get(key, {}), places), **places}
            facts[kind][key] = {
                n: decide(sources, version, kind, key, n, place, older.get(n)) for n, place in sorted(places.items())
            }
            facts["titles"][key] = title(sources, version, key)
    used = {p["type"] for kind in ("segments", "datatypes") for places in facts[kind].values() for p in places.values()}
    for key in sorted(used - {None} - set(facts["datatypes"])):
        facts["datatypes"][key] = {}
        facts["titles"][key] = title(sources, version, key)
    for key, members in apy["structures"].items():
        if not SCHEDULING.match(key) and sources.decided.get(version, {}).get(key, key) == key:
            facts["structures"][key] = members
            facts["titles"][key] = title(sources, version, key)
    for key, members in types["structures"].items():
        # OMQ_O57, ORX_O58 and OSU_O51 of 2.8 have older names in hl7apy.
        if key not in apy["structures"]:
            facts["structures"][key] = expand(types, members)
            facts["titles"][key] = title(sources, version, key)
    facts["events"] = events(sources, version, facts["structures"])
    return facts


def events(sources, version, structures):
    apy, types = sources.apy[version]["structures"], sources.types[version]
    dictionary = sources.dictionary.get(version) or sources.dictionary["2.7.1"]
    found = {}
    for event in {*types["structures"], *types["of"], *dictionary["events"], *apy}:
        structure = "SIU_S12" if SCHEDULING.match(event) else event if event in apy else sources.structures.get(event)
        if "_" in event and structure in structures:
            found[event] = structure
    for event, structure in sources.decided.get(version, {}).items():
        if found.get(event) == structure:
            raise SystemExit(f"events-decided.txt: {version} {event} is {structure} without a decision")
        if structure not in structures and structure != "-":
            raise SystemExit(f"events-decided.txt: {version} has no structure {structure}")
        found[event] = structure
    return {event: structure for event, structure in sorted(found.items()) if structure != "-"}


def lacking(said, places):
    """The fields that hl7types alone has, in the form of hl7apy."""
    return {n: drawn(place) for n, place in said.items() if n not in places}


def decide(sources, version, kind, key, n, place, before):
    said = sources.types[version][kind].get(key, {}).get(n)
    third = sources.dictionary.get(version, {kind: {}})[kind].get(key, {}).get(n)
    if third is None and version.startswith("2.8"):
        third = before
    made = dict(place)
    made["title"] = field_title(sources, version, kind, key, n, place)
    made["length"] = next((s["length"] for s in (said, third) if s and s.get("length")), 0)
    if (version, key) == ("2.5.1", "OBX") and n >= 20:
        made["title"] = RESERVED if n <= 22 else made["title"]
        made["max"] = 0 if n <= 22 else 1
    elif (version, key, n) == ("2.7", "OBR", 13):
        made["type"] = said["type"]
    elif place["type"] and said and not third and version.startswith("2.8"):
        made["max"] = made["max"] if (said["max"] == 1) == (made["max"] == 1) else said["max"]
    elif place["type"] and said and third:
        type_ = said["type"]
        # `CM_MSG` of hl7apy says more than `CM`.
        if type_ and type_ == third["type"] and not place["type"].startswith(type_):
            made["type"] = type_
        if (said["max"] == 1) == (third["max"] == 1) != (place["max"] == 1):
            made["max"] = said["max"]
        if said["min"] is not None and bool(said["min"]) == bool(third["min"]) != bool(place["min"]):
            made["min"] = int(said["min"])
    if made["type"] and not made["table"]:
        made["table"] = next((s["table"] for s in (said, third) if s and s.get("table")), None)
    if made["type"] in sources.apy[version]["datatypes"] and made["type"] not in CODED:
        made["table"] = None
    if made["type"] is None:
        made["length"] = 0
    return made


def title(sources, version, key):
    if key.startswith("CM_"):
        return ""
    for v in nearest(version):
        for source in (sources.types[v], sources.dictionary.get(v)):
            if source and source["titles"].get(key):
                return clean(source["titles"][key])
    return ""


def field_title(sources, version, kind, key, n, place):
    for v in nearest(version):
        if v != version:
            other = sources.apy[v][kind].get(key, {}).get(n)
            # Another version's words name this place only if hl7apy calls both the same.
            if not other or other["raw"] != place["raw"]:
                continue
        for source in (sources.types[v], sources.dictionary.get(v)):
            known = source and source[kind].get(key, {}).get(n)
            if known and known["title"]:
                return clean(known["title"])
    return clean((place["raw"] or "").replace("_", " ").capitalize())


def nearest(version):
    at = VERSIONS.index(version)
    return VERSIONS[at:] + VERSIONS[:at][::-1]


def clean(text):
    return " ".join(re.sub("[\u2018\u2019\u00b4]", "'", text).split())


# All versions in one


def union(versions):
    made = {"structures": {}, "segments": {}, "datatypes": {}, "titles": {}, "events": {}}
    for version in reversed(VERSIONS):
        facts = versions[version]
        for key, value in facts["titles"].items():
            if value:
                made["titles"].setdefault(key, value)
        for event, structure in facts["events"].items():
            made["events"].setdefault(event, structure)
        for kind in ("segments", "datatypes"):
            for key in facts[kind]:
                if key not in made[kind]:
                    made[kind][key] = merged(versions, kind, key)
        for key, members in facts["structures"].items():
            if key in made["structures"]:
                grow(made["structures"][key], members, version)
            else:
                made["structures"][key] = copy(members, version)
    for kind in ("segments", "datatypes"):
        for places in made[kind].values():
            for place in places.values():
                if place["type"] and place["type"] not in made["datatypes"]:
                    made["datatypes"].setdefault(place["type"], {})
    return made


def merged(versions, kind, key):
    having = [v for v in VERSIONS if key in versions[v][kind]]
    made = {}
    for n in sorted({n for v in having for n in versions[v][kind][key]}):
        alive = [v for v in having if (versions[v][kind][key].get(n) or {"type": None})["type"]]
        if not alive:
            made[n] = next(versions[v][kind][key][n] for v in reversed(having) if n in versions[v][kind][key])
            continue
        newest = alive[-1]
        place = dict(versions[newest][kind][key][n])
        place["min"] = min(versions[v][kind][key][n]["min"] for v in alive)
        place["since"] = alive[0]
        place["withdrawn"] = VERSIONS[VERSIONS.index(newest) + 1] if newest != VERSIONS[-1] else None
        if place["withdrawn"]:
            place["type"] = RENAMED.get(place["type"], place["type"])
        alike = [versions[v][kind][key][n] for v in alive if versions[v][kind][key][n]["type"] == place["type"]]
        place["length"] = next((p["length"] for p in reversed(alike) if p["length"]), 0)
        place["table"] = next((t for v in reversed(alive) if (t := versions[v][kind][key][n]["table"])), None)
        made[n] = place
    return made


def copy(members, version):
    made = [{**node, "since": version, "newest": version} for node in members]
    for node in made:
        if "members" in node:
            node["members"] = copy(node["members"], version)
    return made


def names(members):
    found = set()
    for node in members:
        found |= names(node["members"]) if "members" in node else {node["name"]}
    return found


def grow(new, old, version):
    grow_in(new, old, version, names(new))


def grow_in(new, old, version, everywhere):
    """Adds to `new` what `old` has more of, each after the member that it followed."""
    at = 0
    matched = set()
    for node in old:
        places = [*range(at, len(new)), *range(min(at, len(new)))]
        found = next((i for alike in (same, renamed) for i in places if i not in matched and alike(new[i], node)), None)
        if found is not None:
            mine = new[found]
            matched.add(found)
            mine["min"] = min(mine["min"], node["min"])
            mine["since"] = version
            if "members" in node:
                grow_in(mine["members"], node["members"], version, everywhere)
            at = max(at, found + 1)
            continue
        if "members" in node:
            if names([node]) & everywhere:
                # The group has another name now, or none: only its segments that are nowhere else are kept.
                lost = [n for n in flat(node["members"]) if n["name"] not in everywhere]
                added = [{**n, "min": 0} for n in lost]
            else:
                added = [{**node, "min": 0}]
        elif node["name"] in everywhere and not any(same(n, node) for n in new):
            added = []
        else:
            added = [{**node, "min": 0}]
        for item in copy(added, version):
            new.insert(at, item)
            matched = {i + 1 if i >= at else i for i in matched} | {at}
            at += 1
    for i, mine in enumerate(new):
        if i not in matched:
            mine["min"] = 0


def same(a, b):
    return a["name"] == b["name"] and ("members" in a) == ("members" in b)


def renamed(a, b):
    """Groups that the same segment opens."""
    return "members" in a and "members" in b and next(flat([a]))["name"] == next(flat([b]))["name"]


def flat(members):
    for node in members:
        if "members" in node:
            yield from flat(node["members"])
        else:
            yield node


# Writing


def lines(facts):
    out = []
    titles = facts["titles"]
    for key, members in sorted(facts["structures"].items()):
        out.append(f"# structure {key} {titles.get(key, '')}".rstrip())
        out += member_lines(members, 0)
    for kind, word in (("segments", "segment"), ("datatypes", "datatype")):
        for key, places in sorted(facts[kind].items()):
            out.append(f"# {word} {key} {titles.get(key, '')}".rstrip())
            out += [place_line(n, place) for n, place in sorted(places.items())]
    out.append("# events")
    out += [f"{event} {structure}" for event, structure in sorted(facts["events"].items())]
    return out


def member_lines(members, depth):
    for node in members:
        kind = "" if "members" not in node else " choice" if node["choice"] else " group"
        span = life(node.get("since"), after(node.get("newest")))
        yield f"{' ' * depth}{node['name']} {node['min']}..{node['max']}{kind}{span}"
        yield from member_lines(node.get("members", []), depth + 1)


def place_line(n, place):
    line = f"{n} {place['min']}..{place['max']} {place['type'] or '-'} {place['length']} {place['table'] or '-'}"
    return f"{line}{life(place.get('since'), place.get('withdrawn'))} {place['title']}".rstrip()


def after(version):
    return None if version in (None, VERSIONS[-1]) else VERSIONS[VERSIONS.index(version) + 1]


def life(since, withdrawn):
    return f" @{since}-{withdrawn or ''}" if since else ""


def tables(sources):
    numbers = set(sources.tables)
    for apy in sources.apy.values():
        numbers |= {number(key) for key in apy["tables"]}
    out = []
    for key in sorted(numbers - set(PLACEHOLDERS)):
        named = [sources.apy[v]["tables"].get(f"HL7{key}", ["", []])[0] for v in reversed(VERSIONS)]
        texts = sources.tables.get(key, {"desc": "", "values": {}})
        name = clean(next(filter(None, named), texts["desc"]))
        out.append(f"# table {key} {name}".rstrip())
        codes = {}
        for version in VERSIONS:
            for code in sources.apy[version]["tables"].get(f"HL7{key}", ["", []])[1]:
                codes.setdefault(clean(code), []).append(version)
        for code in texts["values"]:
            codes.setdefault(clean(code), [])
        for code, having in codes.items():
            if code.strip(".\u2026"):
                out.append("\t".join([code, spans(having), clean(texts["values"].get(code) or "")]).rstrip())
    return out


def spans(having):
    """`2.3.1-2.5,2.7-2.8.2`; `-` where no version is known to have it."""
    runs = []
    for version in having:
        at = VERSIONS.index(version)
        if runs and VERSIONS.index(runs[-1][1]) == at - 1:
            runs[-1][1] = version
        else:
            runs.append([version, version])
    return ",".join("-".join(run) for run in runs) or "-"


if __name__ == "__main__":
    main(*sys.argv[1:])
