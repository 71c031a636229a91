"""Extracts the facts of FHIR R4 that emr embeds, from the official package hl7.fhir.r4.core 4.0.1.

    python3 fhir.py hl7.fhir.r4.core.tgz OUT

writes OUT/{resources,datatypes,rules,extensions,search,valuesets,codesystems,systems}.txt. One fact stands on a line. A block opens
with a line `# key ...`, so that a reader finds it by a search for its heading and reads nothing else. Names, types,
cardinalities, codes and their displays are taken; definitions and comments are not.

The lines of a shape:   name min..max types [strength value-set]
    name      `value[x]` is a choice element
    types     joined by `|`; NAME:KEY where the elements stand in another shape; NAME(A,B) where it points to A or B
    value-set without the prefix http://hl7.org/fhir/ValueSet/ where it has it

The lines of a rule:    key name...
    of these elements one is there, or one with `!` before it is not; a key stands on several lines where all of them hold

Recorded decisions, where the package is at odds with itself:
  * the elements that a type has from its base are not repeated; a line says what is new or differs
  * `Resource.id` is typed `string` by an extension of the package, the text of the standard says `id`: `id` is written
  * `_id` of Resource is there twice (`Resource.id`, `id`): of two parameters of one name the first by id is taken
  * codes that are not selectable group others and are no value of an instance: they are in no expansion
  * of the invariants those are rules that ask nothing but which elements of an object are there; `ext-1` is none of them:
    the validator says it in words of its own
"""

import json
import re
import sys
import tarfile

FHIR = "http://hl7.org/fhir/"
DEFINITION = FHIR + "StructureDefinition/"
VALUE_SET = FHIR + "ValueSet/"
BACKBONES = ("BackboneElement", "Element")


def main(package, out):
    read = load(package)
    definitions = read["StructureDefinition"]
    core = [d for d in definitions if d["kind"] != "logical" and d.get("derivation") != "constraint"]
    narrowed = [d for d in definitions if d["id"] in ("SimpleQuantity", "MoneyQuantity", "Element")]
    types = {d["id"]: d for d in core + narrowed}
    systems = {d["url"]: d for d in read["CodeSystem"]}
    files = {
        "resources": blocks(types, [d for d in types.values() if d["kind"] == "resource"]),
        "datatypes": blocks(types, [d for d in types.values() if d["kind"] != "resource"]),
        "rules": rules(core),
        "extensions": extensions([d for d in definitions if d["type"] == "Extension" and d["id"] != "Extension"]),
        "search": search(read["SearchParameter"]),
        "valuesets": value_sets(read["ValueSet"], systems),
        "codesystems": code_systems(systems),
        "systems": oids(read["CodeSystem"], read["NamingSystem"]),
    }
    for name, lines in files.items():
        with open(f"{out}/{name}.txt", "w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(lines) + "\n")


def load(package):
    """The package's resources by type, in the order of their ids."""
    read = {}
    with tarfile.open(package) as tar:
        for member in tar:
            parts = member.name.split("/")
            if len(parts) == 2 and parts[1].endswith(".json") and "-" in parts[1]:
                resource = json.load(tar.extractfile(member))
                read.setdefault(resource["resourceType"], []).append(resource)
    for resources in read.values():
        resources.sort(key=lambda resource: resource["id"])
    return read


# Shapes


def blocks(types, definitions):
    lines = []
    for definition in definitions:
        lines += primitive(definition) if definition["kind"] == "primitive-type" else shapes(types, definition)
    return lines


def primitive(definition):
    lines = [f"# {definition['id']} primitive {tail(definition.get('baseDefinition', 'Element'))}"]
    for element in definition["snapshot"]["element"]:
        for type_ in element.get("type", []):
            pattern = extension(type_, DEFINITION + "regex")
            if element["path"].endswith(".value") and pattern:
                lines.append(f"regex {pattern}")
    return lines


def shapes(types, definition):
    """A block for the type, and one for each of its elements that has elements."""
    elements = definition["snapshot"]["element"]
    lines = []
    parents = [elements[0]] + [e for e in elements[1:] if backbone(e)]
    for parent in parents:
        path = parent["path"]
        if parent is elements[0]:
            kind = "resource" if definition["kind"] == "resource" else "datatype"
            base = tail(definition.get("baseDefinition", "-"))
            kind += " abstract" if definition.get("abstract") else ""
        else:
            kind, base = "backbone", parent["type"][0]["code"]
        inherited = inherit(types, base)
        lines.append(f"# {path if kind == 'backbone' else definition['id']} {kind} {base}")
        for element in elements:
            if element["path"].rpartition(".")[0] == path:
                line = fact(element)
                if inherited.get(last(element)) != line:
                    lines.append(line)
    return lines


def inherit(types, base):
    """The lines that the base type gives, by element."""
    if base not in types:
        return {}
    definition = types[base]
    lines = inherit(types, tail(definition.get("baseDefinition", "-")))
    depth = definition["snapshot"]["element"][0]["path"].count(".") + 1
    for element in definition["snapshot"]["element"]:
        if element["path"].count(".") == depth:
            lines[last(element)] = fact(element)
    return lines


def backbone(element):
    return [t["code"] for t in element.get("type", [])][:1] in ([b] for b in BACKBONES)


def fact(element):
    line = f"{last(element)} {element['min']}..{element['max']} {kinds(element)}"
    binding = element.get("binding")
    if binding and "valueSet" in binding:
        line += f" {binding['strength']} {short(binding['valueSet'])}"
    return line


def kinds(element):
    if "contentReference" in element:
        return f"BackboneElement:{element['contentReference'].lstrip('#')}"
    if backbone(element):
        return f"{element['type'][0]['code']}:{element['path']}"
    return "|".join(kind(element, type_) for type_ in element.get("type", []))


def kind(element, type_):
    code = type_["code"]
    if code.startswith("http://hl7.org/fhirpath/"):
        code = extension(type_, DEFINITION + "structuredefinition-fhir-type") or "string"
        if element.get("base", {}).get("path") == "Resource.id":
            code = "id"
    profiles = [tail(p) for p in type_.get("profile", [])]
    if profiles in (["SimpleQuantity"], ["MoneyQuantity"]):
        code += f":{profiles[0]}"
    elif profiles and code != "Extension":
        raise SystemExit(f"{element['id']}: nobody decided what {profiles} means here")
    targets = sorted(tail(p) for p in type_.get("targetProfile", []))
    return f"{code}({','.join(targets)})" if targets and targets != ["Resource"] else code


# Rules


def rules(definitions):
    """A block for each shape that has invariants of this kind."""
    lines = []
    for definition in definitions:
        elements = definition["snapshot"]["element"]
        for parent in [elements[0]] + [e for e in elements[1:] if backbone(e)]:
            found = [f"{key} {' '.join(clause)}" for key, expression in asked(parent) for clause in clauses(expression)]
            lines += [f"# {parent['path']}"] + found if found else []
    return lines


def asked(element):
    """The invariants that hold of an element, but those that are said elsewhere."""
    for constraint in element.get("constraint", []):
        if constraint["severity"] == "error" and constraint["key"] != "ext-1" and "expression" in constraint:
            yield constraint["key"], constraint["expression"]


TOKEN = re.compile(r"\s*(\.not\(\)|\w+\.exists\(\)|\w+\.empty\(\)|implies|xor|and|or|!=|=|\(|\))")
COUNTED = re.compile(r"\(((?:\w+\.count\(\)(?: \+ )?)+)\) > 0")
# From the loosest to the tightest (FHIRPath, precedence of operators).
OPERATORS = [("implies",), ("or", "xor"), ("and",), ("=", "!=")]


def clauses(expression):
    """What must hold, as a list of alternatives each; nothing for an expression that asks more than what is there."""
    expression = COUNTED.sub(any_of, expression).strip()
    tokens, at = [], 0
    while at < len(expression):
        token = TOKEN.match(expression, at)
        if not token:
            return []
        tokens.append(token[1])
        at = token.end()
    tree = parsed(tokens, 0)
    if tokens:
        return []
    return [clause for clause in normal(tree, True) if not any("!" + name in clause for name in clause)]


def any_of(counted):
    return f"({counted[1].replace('count', 'exists').replace('+', 'or')})"


def parsed(tokens, level):
    """The tree of an expression, whose tokens are taken."""
    if level == len(OPERATORS):
        return operand(tokens)
    tree = parsed(tokens, level + 1)
    while tokens and tokens[0] in OPERATORS[level]:
        tree = (tokens.pop(0), tree, parsed(tokens, level + 1))
    return tree


def operand(tokens):
    token = tokens.pop(0) if tokens else ""
    if token == "(":
        tree = parsed(tokens, 0)
        tokens[:1] = []
    else:
        name, _, asks = token.partition(".")
        tree = ("is", name) if asks == "exists()" else ("not", ("is", name))
    while tokens[:1] == [".not()"]:
        tokens.pop(0)
        tree = ("not", tree)
    return tree


def normal(tree, holds):
    """The clauses of a tree that holds, or does not."""
    match tree:
        case ("is", name):
            return [[name if holds else "!" + name]]
        case ("not", inner):
            return normal(inner, not holds)
        case ("implies", left, right):
            return normal(("or", ("not", left), right), holds)
        case ("!=" | "xor", left, right):
            both = ("and", ("or", left, right), ("or", ("not", left), ("not", right)))
            return normal(both, holds)
        case ("=", left, right):
            return normal(("xor", left, right), not holds)
        case (operator, left, right):
            left, right = normal(left, holds), normal(right, holds)
            if (operator == "and") == holds:
                return left + right
            return [list(dict.fromkeys(one + other)) for one in left for other in right]


# Extensions: a heading with the URL and where it may stand, then what narrows the type `Extension`


def extensions(definitions):
    lines = []
    for definition in definitions:
        where = sorted({context["expression"] for context in definition.get("context", [])})
        root = definition["snapshot"]["element"][0]
        lines.append(f"# {definition['url']} {root['min']}..{root['max']} {'|'.join(where).replace(' ', '_') or '-'}")
        for element in definition["snapshot"]["element"][1:]:
            path = element["id"].removeprefix("Extension.").replace("extension:", ":").replace("value[x]:", "value:")
            if path.split(".")[-1] in ("id", "url", "extension"):
                if element["max"] == "0" or (last(element) == "extension" and element["min"]):
                    lines.append(f"{path} {element['min']}..{element['max']}")
                continue
            types = [] if element["max"] == "0" else [kinds(element)]
            if element.get("type", [{}])[0].get("profile"):
                types = [f"Extension:{element['type'][0]['profile'][0]}"]
            binding = element.get("binding")
            bound = [binding["strength"], short(binding["valueSet"])] if binding and "valueSet" in binding else []
            lines.append(" ".join([path, f"{element['min']}..{element['max']}"] + types + bound))
    return lines


# Search parameters: a block for each base; of a union only the base's own part


def search(parameters):
    found = {}
    for parameter in parameters:
        for base in parameter.get("base", []):
            expression = own(parameter.get("expression", "-"), base, len(parameter["base"]))
            found.setdefault(base, {}).setdefault(parameter["code"], f"{parameter['type']} {expression}")
    lines = []
    for base in sorted(found):
        lines += [f"# {base}"] + [f"{code} {fact}" for code, fact in sorted(found[base].items())]
    return lines


def own(expression, base, bases):
    parts = [" ".join(part.split()) for part in expression.split(" | ")]
    mine = [part for part in parts if part.lstrip("(").split(".")[0] == base]
    return " | ".join(mine if bases > 1 and mine else parts)


# Terminology


def code_systems(systems):
    """A block for each system with codes; blanks before a code say under which other it stands."""
    lines = []
    for url in sorted(systems):
        system = systems[url]
        if system["content"] == "complete":
            lines.append(f"# {url} {system['name']}")
            hang(system.get("concept", []), "", lines)
    return lines


def oids(systems, names):
    """A line for each object identifier that stands for a system: `# OID URI`."""
    found = {}
    for system in systems:
        for identifier in system.get("identifier", []):
            if identifier.get("value", "").startswith("urn:oid:"):
                found.setdefault(identifier["value"].removeprefix("urn:oid:"), system["url"])
    for name in names:
        uris = [i for i in name["uniqueId"] if i["type"] == "uri"]
        uris.sort(key=lambda i: not i.get("preferred"))
        for identifier in name["uniqueId"]:
            if identifier["type"] == "oid" and uris:
                found.setdefault(identifier["value"], uris[0]["value"])
    return [f"# {oid} {uri}" for oid, uri in sorted(found.items(), key=lambda it: [int(n) for n in it[0].split(".")])]


def hang(concepts, indent, lines):
    for concept in concepts:
        # A grouping code is marked, for it is no value of its own.
        mark = "\tgroup" if grouping(concept) else ""
        lines.append(f"{indent}{concept['code']}\t{plain(concept.get('display', ''))}{mark}")
        hang(concept.get("concept", []), indent + " ", lines)


def grouping(concept):
    return any(p["code"] in ("notSelectable", "abstract") and p.get("valueBoolean") for p in concept.get("property", []))


def value_sets(sets, systems):
    by_url = {s["url"]: s for s in sets}
    lines = []
    for url in sorted(by_url):
        codes, complete = expand(by_url[url], by_url, systems, ())
        lines.append(f"# {url}" + ("" if complete else " incomplete"))
        for system in dict.fromkeys(system for system, _ in codes):
            known = dict(selectable(systems.get(system)))
            mine = {code: display for (at, code), display in codes.items() if at == system}
            if known and list(mine) == list(known):
                lines.append(f"@{system} *")
                continue
            lines.append(f"@{system}")
            for code, display in mine.items():
                display = plain(display)
                lines.append(code if display in ("", plain(known.get(code, ""))) else f"{code}\t{display}")
    return lines


def expand(value_set, sets, systems, seen):
    """{(system, code): display} and whether these are all."""
    if value_set["url"] in seen:
        return {}, True
    seen += (value_set["url"],)
    compose = value_set.get("compose", {})
    codes, complete = {}, bool(compose.get("include"))
    for part in compose.get("include", []):
        some, all_ = included(part, sets, systems, seen)
        codes.update((key, display) for key, display in some.items() if key not in codes)
        complete &= all_
    for part in compose.get("exclude", []):
        some, all_ = included(part, sets, systems, seen)
        codes = {key: display for key, display in codes.items() if key not in some}
        complete &= all_
    return codes, complete


def included(part, sets, systems, seen):
    found = []
    complete = True
    if "system" in part:
        some, complete = of_system(part, systems)
        found.append(some)
    for url in part.get("valueSet", []):
        other = sets.get(bare(url))
        some, all_ = expand(other, sets, systems, seen) if other else ({}, False)
        found.append(some)
        complete &= all_
    codes = found[0] if found else {}
    for some in found[1:]:
        codes = {key: display for key, display in codes.items() if key in some}
    return codes, complete


def of_system(part, systems):
    url = part["system"]
    system = systems.get(url)
    if "concept" in part:
        known = dict(selectable(system))
        return {(url, c["code"]): c.get("display") or known.get(c["code"], "") for c in part["concept"]}, True
    if not system or system["content"] != "complete":
        return {}, False
    codes = dict(selectable(system))
    for test in part.get("filter", []):
        below = {c for c, _ in under(system.get("concept", []), test["value"])}
        if (test["property"], test["op"]) == ("concept", "is-a"):
            keep = below | {test["value"]}
        elif (test["property"], test["op"]) == ("concept", "descendent-of"):
            keep = below
        elif (test["property"], test["op"]) == ("concept", "is-not-a"):
            keep = set(codes) - below - {test["value"]}
        else:
            return {}, False
        codes = {code: display for code, display in codes.items() if code in keep}
    return {(url, code): display for code, display in codes.items()}, True


def selectable(system):
    if system and system["content"] == "complete":
        for concept in walk(system.get("concept", [])):
            if not grouping(concept):
                yield concept["code"], concept.get("display", "")


def under(concepts, code):
    """The codes below `code`: those that stand inside it, and those that name it as what they belong to."""
    all_ = list(walk(concepts))
    todo, done = [code], set()
    while todo:
        at = todo.pop()
        for concept in all_:
            inside = concept["code"] == at and [c["code"] for c in concept.get("concept", [])]
            children = inside or []
            children += [p["valueCode"] for p in concept.get("property", []) if concept["code"] == at and p["code"] == "child"]
            if any(p["code"] in ("subsumedBy", "parent") and p.get("valueCode") == at for p in concept.get("property", [])):
                children.append(concept["code"])
            for child in children:
                if child not in done:
                    done.add(child)
                    todo.append(child)
    return [(c, None) for c in done]


def walk(concepts):
    for concept in concepts:
        yield concept
        yield from walk(concept.get("concept", []))


# Words


def last(element):
    return element["path"].rpartition(".")[2]


def tail(url):
    return url.removeprefix(DEFINITION)


def bare(url):
    return url.partition("|")[0]


def short(url):
    return bare(url).removeprefix(VALUE_SET)


def plain(text):
    return " ".join(text.split())


def extension(of, url):
    for extension_ in of.get("extension", []):
        if extension_["url"] == url:
            return next(value for key, value in extension_.items() if key.startswith("value"))
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
