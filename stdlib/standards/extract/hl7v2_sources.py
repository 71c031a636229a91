"""Reads the files of hl7apy, hl7types and hl7-dictionary as syntax; `hl7v2.py` says what is taken from which."""

import ast
import json
import pathlib
import re

VERSIONS = "2.1 2.2 2.3 2.3.1 2.4 2.5 2.5.1 2.6 2.7 2.7.1 2.8 2.8.1 2.8.2".split()
PLACEHOLDERS = ("9999",)
SEQUENCES = re.compile(r"(EHC|SDR)_|(QBP|RSP)_(E03|E22)_")
MANY = "*"


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
        self.decided = read_decided(pathlib.Path(__file__).with_name("events-decided.txt"))


def read_decided(path):
    """The structures of events by version, as somebody decided."""
    decided = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        version, event, structure, reason = line.split(" ", 3)
        decided.setdefault(version, {})[event] = structure
    return decided


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
                    made[n] = drawn(said)
            facts[kind][key] = made
    for key in before["segments"]:
        # Hxx, Zxx and ANYHL7SEGMENT are no class in hl7types.
        if key not in types_before["segments"]:
            facts["segments"].setdefault(key, before["segments"][key])
    for key in types["structures"]:
        said = expand(types, types["structures"][key])
        for theirs, ours in ((types_before, before), (types_after, after)):
            if key in ours["structures"] and key in theirs["structures"]:
                if expand(theirs, theirs["structures"][key]) == said:
                    facts["structures"][key] = ours["structures"][key]
                    break
        else:
            facts["structures"][key] = said
    for key in before["structures"]:
        if key not in types_before["structures"] and key not in types_before["of"]:
            facts["structures"].setdefault(key, before["structures"][key])
    return facts


def drawn(said):
    """A place of hl7types in the form of hl7apy."""
    low = int(bool(said["min"]))
    return {"type": said["type"], "min": low, "max": said["max"], "table": said["table"], "raw": said["title"]}


def expand(types, members):
    made = []
    for name, class_, low, high in members:
        node = {"name": name, "min": low, "max": high}
        if class_ in types["groups"]:
            node["choice"] = False
            node["members"] = expand(types, types["groups"][class_])
        made.append(node)
    return made
