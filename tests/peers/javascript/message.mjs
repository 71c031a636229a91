// A message as segments of fields; what is in a field is looked at when someone asks for it.

export class Message {
  constructor(text) {
    this.segments = [];
    const marks = { field: text[3], component: text[4], repetition: text[5], escape: text[6], sub: text[7] };
    for (const line of text.split("\r")) {
      if (line !== "") this.segments.push(new Segment(line, marks));
    }
  }

  first(name) {
    return this.segments.find((it) => it.name === name);
  }

  all(name) {
    return this.segments.filter((it) => it.name === name);
  }
}

export class Segment {
  constructor(line, marks) {
    this.marks = marks;
    this.fields = line.split(marks.field);
    this.name = this.fields[0];
    if (this.name === "MSH") this.fields.splice(1, 0, "");
  }

  /// The repetitions that hold something.
  list(number) {
    const field = this.fields[number];
    if (!field) return [];
    return field.split(this.marks.repetition).map((it) => new Value(it, this.marks)).filter((it) => it.isPresent());
  }

  /// The first repetition.
  value(number) {
    const field = this.fields[number] ?? "";
    const end = field.indexOf(this.marks.repetition);
    return new Value(end < 0 ? field : field.slice(0, end), this.marks);
  }

  /// The field as one text, if there is one.
  text(number) {
    return this.value(number).part(1);
  }

  /// The first component of each repetition that has one.
  texts(number) {
    return this.list(number).map((it) => it.part(1)).filter((it) => it !== undefined);
  }
}

export class Value {
  constructor(text, marks) {
    this.marks = marks;
    this.parts = text.split(marks.component);
  }

  isPresent() {
    return this.parts.some((part) => part.split(this.marks.sub).some((it) => leaf(it, this.marks) !== undefined));
  }

  /// The first text of a component, if there is one.
  part(number) {
    return this.sub(number, 1);
  }

  sub(number, below) {
    const part = this.parts[number - 1];
    if (!part) return undefined;
    return leaf(part.includes(this.marks.sub) ? part.split(this.marks.sub)[below - 1] : below === 1 ? part : "", this.marks);
  }
}

function leaf(text, marks) {
  const plain = text?.trim();
  if (!plain || plain === '""') return undefined;
  return plain.includes(marks.escape) ? unescaped(plain, marks) : plain;
}

function unescaped(text, marks) {
  const meanings = {
    F: marks.field, S: marks.component, T: marks.sub, R: marks.repetition, E: marks.escape, ".br": "\n", H: "", N: "",
  };
  const pieces = text.split(marks.escape);
  let out = pieces[0];
  for (let at = 1; at < pieces.length; at++) {
    const meaning = at + 1 < pieces.length ? meanings[pieces[at]] : undefined;
    if (meaning === undefined) {
      out += marks.escape + pieces[at];
    } else {
      out += meaning + pieces[++at];
    }
  }
  return out || undefined;
}
