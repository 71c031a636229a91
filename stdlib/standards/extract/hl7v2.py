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
  * A field that an older version has and a newer one passes over is withdrawn.
  * OBX-20..25 of 2.5.1 are hl7apy's: 20..22 are reserved, 23..25 the performing organization, each at most once.
  * The table of a field with components is kept where the type is a coded one; else it is that of a component.
  * 2.7.1 is in hl7types alone, without what repeats inside a structure: what hl7types has alike in 2.7 (or 2.8) is
    hl7apy's of 2.7 (or 2.8), the rest is hl7types' own.
  * HL79999 and 9999 are placeholders and no table. A type `WD` and a maximum of 0 mean withdrawn: no type, 0..0.
  * Names are those of hl7types, else of hl7-dictionary, else of the nearest later, then earlier version, else hl7apy's
    in capitals, written as words. Lengths are those of hl7types, else of hl7-dictionary.
  * hl7apy marks groups of EHC, SDR, and of the queries E03 and E22 as a choice whose members come one after another:
    they are sequences. One member of a choice is there, hence each has the minimum 0.
  * SIU_S13..S26 are events of SIU_S12, not structures. Else an event's structure is hl7apy's of its name, else the
    one that hl7types derives it from, else that of table 0354 of hl7-dictionary. `events-decided.txt` is written by
    hand and goes before all this.
  * Union: a place is that of the newest version in which it is not withdrawn; it is required if each version that has
    it requires it. Where that version is not the newest, CE and IS are CWE, and TS is DTM.
    A length is that of the newest version that has the type and a length.
  * Union of a structure: the newest version's, and what older versions had in the same group and it has less often
    there, after the member that it followed. A group that the same segment opens is the same group with an older
    name. A segment whose group is gone, or that moved to another group, is not added twice. What an older version
    lacks is optional.
"""

import ast
import json
import pathlib
import re
import sys

VERSIONS = "2.1 2.2 2.3 2.3.1 2.4 2.5 2.5.1 2.6 2.7 2.7.1 2.8 2.8.1 2.8.2".split()
PLACEHOLDERS = ("9999",)
RESERVED = "Reserved for harmonization with V2.6"
SEQUENCES = re.compile(r"(EHC|SDR)_|(QBP|RSP)_(E03|E22)_")
MANY = "*"
CODED = ("CE", "CF", "CNE", "CWE")
RENAMED = {"CE": "CWE", "IS": "CWE", "TS": "DTM"}


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


# Reading the packages


class Sources:
    def __init__(self, apy, types, dictionary):
        self.apy = {v: read_apy(apy / "hl7apy" / folder(v)) for v in VERSIONS if v != "2.7.1"}
        self.types = {v: read_types(types / "hl7types" / "hl7" / folder(v)) for v in VERSIONS}
        lib = dictionary / "package" / "lib"
        self.dictionary = {v: read_dictionary(lib / v) for v in VERSIONS if (lib / v).exists()}
        self.tables = {number(k): v for k, v in read_js(lib / "tables.js").items()}
        self.apy["2.7.1"] = between(self.apy["2.7"], self.apy["2.8"], *(self.types[v] for v in ("2.7", "2.7.1", "2.8")))
        self.structures = {}
        for structure, events in self.tables["0354"]["values"].items():
            for event in re.findall(r"[A-Z]\w\w", events):
                self.structures[f"{structure.split('_')[0]}_{event}"] = structure


def folder(version):
    return "v" + version.replace(".", "_")


def number(table):
    digits = re.sub(r"^HL7", "", str(table))
    return digits.zfill(4)


def table_of(raw):
    return None if not raw or number(raw) in PLACEHOLDERS else number(raw)


def literals(path, name):
    """The dictionary that a file of hl7apy assigns to a name; a reference to another one is None."""

    def value(node):
        if isinstance(node, ast.Dict):
            return {value(k): value(v) for k, v in zip(node.keys, node.values)}
        if isinstance(node, (ast.Tuple, ast.List)):
            return [value(item) for item in node.elts]
        if isinstance(node, ast.Subscript):
            return None
        return ast.literal_eval(node)

    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return value(node.value)
    return {}


def read_apy(path):
    """Structures as trees, segments and data types as {number: fact}, tables."""
    leaves = {**literals(path / "fields.py", "FIELDS"), **literals(path / "datatypes.py", "DATATYPES")}
    groups = literals(path / "groups.py", "GROUPS")
    facts = {"structures": {}, "segments": {}, "datatypes": {}}
    for kind, file, name in (
        ("segments", "segments.py", "SEGMENTS"),
        ("datatypes", "datatypes.py", "DATATYPES_STRUCTS"),
    ):
        for key, value in literals(path / file, name).items():
            members = value if kind == "datatypes" else value[1] if len(value) > 1 else []
            # ANYHL7SEGMENT lists segments; it stands for each of them and has no field.
            members = several(members) if key != "ANYHL7SEGMENT" else []
            numbered = [(int(name.rpartition("_")[2]), leaves[name], bounds) for name, _, bounds, _ in members]
            facts[kind][key] = {n: place(leaf, bounds) for n, leaf, bounds in numbered}
    for key, (content, members) in literals(path / "messages.py", "MESSAGES").items():
        facts["structures"][key] = tree(key, members, groups, content == "choice")
    facts["tables"] = literals(path / "tables.py", "TABLES") if (path / "tables.py").exists() else {}
    return facts


def several(members):
    """Where only one member stands in brackets, hl7apy lacks the comma that makes it a list."""
    return [members] if members and isinstance(members[0], str) else members


def place(leaf, cardinality):
    # RX1-30 of 2.1 has a second type behind the first.
    type_, (name, table, _) = leaf[2], leaf[-3:]
    low, high = cardinality
    high = MANY if high == -1 else high
    if type_ in (None, "", "WD", "wd") or high == 0:
        return gone(name)
    return {"type": type_, "min": low, "max": high, "table": table_of(table), "raw": name}


def gone(name):
    return {"type": None, "min": 0, "max": 0, "table": None, "raw": name}


def tree(prefix, members, groups, choice):
    found = []
    for name, _, (low, high), kind in several(members):
        high = MANY if high == -1 else high
        node = {"name": name, "min": 0 if choice else low, "max": high}
        if kind == "GRP":
            content, inner = groups[name]
            # `MFN_Znn` calls its groups MFN_ZNN_…
            node["name"] = name[len(prefix) + 1 :]
            node["choice"] = content == "choice" and not SEQUENCES.match(name)
            node["members"] = tree(prefix, inner, groups, node["choice"])
        found.append(node)
    return found


# `PID.8 - Administrative Sex (IS) O S15.4.8.5 | 0001 - Administrative Sex`
PLACE = re.compile(
    r"^(\w+)\.(\d+)(?: \(opt\))? - (.*?)(?: \((\w+)\))?(?: (R|RE|O|C|CE|B|X|W|D|S|NA))?( rep)?"
    r"(?: S[\w.-]+(?:, ?[\w.-]+)*)?(?: \| (\w+) - .*)?$"
)


def read_types(path):
    facts = {"structures": {}, "groups": {}, "segments": {}, "datatypes": {}, "titles": {}, "of": {}}
    for kind in ("segments", "datatypes", "messages", "groups"):
        for file in sorted((path / kind).glob("*.py")):
            if file.stem == "__init__":
                continue
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    read_class(facts, kind, node)
    return facts


def read_class(facts, kind, node):
    name = node.name
    doc = ast.get_docstring(node) or ""
    title = re.sub(r"\s*\(S[\w.-]+\)\.?$", "", doc.split("\n")[0]).strip().rstrip(".")
    if re.match(r"HL7 v2 \S+ (message|group|segment|data ?type)$", title):
        title = ""
    facts["titles"][name] = re.sub(r"^[A-Z][A-Z0-9/]+ ?- +", "", title)
    if kind in ("messages", "groups"):
        base = node.bases[0].id
        if base != "HL7Model":
            facts["of"][name] = base
            return
        members = [child(item) for item in node.body if isinstance(item, ast.AnnAssign)]
        facts["structures" if kind == "messages" else "groups"][name] = members
        return
    lengths = {}
    repeats = {}
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.value, ast.Call):
            n = int(item.target.id.rpartition("_")[2])
            text = ast.unparse(item)
            length = re.search(r"LEN:(\d+)", text)
            lengths[n] = int(length.group(1)) if length else 0
            repeats[n] = "List[" in ast.unparse(item.annotation)
    places = {}
    for line in doc.split("\n")[1:]:
        match = PLACE.match(line.strip())
        if match:
            _, n, title, type_, opt, _, table = match.groups()
            n = int(n)
            required = opt == "R" if kind == "segments" else None
            if type_ in ("WD", "wd"):
                type_ = None
            places[n] = {
                "type": type_, "title": title, "min": required, "max": MANY if repeats.get(n) else 1,
                "table": table_of(table), "length": lengths.get(n, 0),
            }
    facts[kind][name] = places


def child(item):
    annotation = ast.unparse(item.annotation)
    optional, many = "Optional[" in annotation, "List[" in annotation
    inner = re.sub(r"Optional\[|List\[|\]", "", annotation).lstrip("_")
    name = "ANYHL7SEGMENT" if item.target.id == "anyhl7segment" else item.target.id
    return (name, inner, 0 if optional else 1, MANY if many else 1)


def read_js(path):
    text = path.read_text(encoding="utf-8")
    return json.JSONDecoder().raw_decode(text[text.index("{") :])[0]


def read_dictionary(path):
    facts = {"segments": {}, "datatypes": {}, "titles": {}}
    for kind, file, inner in (("segments", "segments.js", "fields"), ("datatypes", "fields.js", "subfields")):
        for key, value in read_js(path / file).items():
            facts["titles"][key] = value["desc"]
            facts[kind][key] = {
                n: {
                    "type": item.get("datatype"), "title": item.get("desc", ""), "min": item.get("opt") == 2,
                    "max": 1 if item.get("rep") == 1 else MANY, "table": table_of(item.get("table")),
                    "length": item.get("len") or 0,
                }
                for n, item in enumerate(value.get(inner, []), 1)
            }
    facts["events"] = {key: value["desc"] for key, value in read_js(path / "messages.js").items()}
    return facts


def between(before, after, types_before, types, types_after):
    """2.7.1 in the form of hl7apy."""
    facts = {"structures": {}, "segments": {}, "datatypes": {}, "tables": before["tables"]}
    for kind in ("segments", "datatypes"):
        for key, places in types[kind].items():
            made = {}
            for n in sorted(set(places) | set(before[kind].get(key, {}))):
                known = before[kind].get(key, {}).get(n)
                said = places.get(n)
                if said is None:
                    made[n] = known if n not in types_before[kind].get(key, {}) else gone(known["raw"])
                elif known and said == types_before[kind].get(key, {}).get(n):
                    made[n] = known
                else:
                    made[n] = {
                        "type": said["type"], "min": int(bool(said["min"])), "max": said["max"],
                        "table": said["table"], "raw": said["title"],
                    }
            facts[kind][key] = made
    for key in before["segments"]:
        # Hxx, Zxx and ANYHL7SEGMENT are no class in hl7types.
        if key not in types_before["segments"]:
            facts["segments"].setdefault(key, before["segments"][key])
    for key in types["structures"]:
        drawn = expand(types, types["structures"][key])
        for theirs, ours in ((types_before, before), (types_after, after)):
            if key in ours["structures"] and key in theirs["structures"]:
                if expand(theirs, theirs["structures"][key]) == drawn:
                    facts["structures"][key] = ours["structures"][key]
                    break
        else:
            facts["structures"][key] = drawn
    for key in before["structures"]:
        if key not in types_before["structures"] and key not in types_before["of"]:
            facts["structures"].setdefault(key, before["structures"][key])
    return facts


def expand(types, members):
    made = []
    for name, class_, low, high in members:
        node = {"name": name, "min": low, "max": high}
        if class_ in types["groups"]:
            node["choice"] = False
            node["members"] = expand(types, types["groups"][class_])
        made.append(node)
    return made


# One version


def whole(sources, version, before):
    apy, types, dictionary = sources.apy[version], sources.types[version], sources.dictionary.get(version)
    facts = {"version": version, "structures": {}, "segments": {}, "datatypes": {}, "titles": {}}
    for kind in ("segments", "datatypes"):
        for key, places in apy[kind].items():
            older = before[kind].get(key, {}) if before else {}
            if kind == "segments":
                # Those are the places that a version passes over, since they are withdrawn.
                places = {**{n: gone(place["raw"]) for n, place in older.items()}, **places}
            facts[kind][key] = {
                n: decide(sources, version, kind, key, n, place, older.get(n)) for n, place in sorted(places.items())
            }
            facts["titles"][key] = title(sources, version, key)
    used = {p["type"] for kind in ("segments", "datatypes") for places in facts[kind].values() for p in places.values()}
    for key in sorted(used - {None} - set(facts["datatypes"])):
        facts["datatypes"][key] = {}
        facts["titles"][key] = title(sources, version, key)
    for key, members in apy["structures"].items():
        if not re.match(r"SIU_S(1[3-9]|2\d)$", key):
            facts["structures"][key] = members
            facts["titles"][key] = title(sources, version, key)
    for key, members in types["structures"].items():
        # OMQ_O57, ORX_O58 and OSU_O51 of 2.8 have older names in hl7apy.
        if key not in apy["structures"]:
            facts["structures"][key] = expand(types, members)
            facts["titles"][key] = title(sources, version, key)
    names = {*types["structures"], *types["of"], *(dictionary or {"events": {}})["events"], *apy["structures"]}
    facts["events"] = {}
    for event in sorted(names):
        found = [event, types["of"].get(event), sources.structures.get(event)]
        if re.match(r"SIU_S\d\d$", event):
            found = ["SIU_S12"]
        structure = next((s for s in found if s in facts["structures"]), None)
        if structure and "_" in event:
            facts["events"][event] = structure
    return facts


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
