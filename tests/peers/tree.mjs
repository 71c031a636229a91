// A message as a tree of plain objects, for the languages that read JSON alone: `PID.f3.c4`, `PID.f3.c4s2`. Empty values are not
// there; fields are lists of repetitions; what follows an OBR or OBX lies inside it.
import { Message } from "./javascript/message.mjs";
import { hash } from "node:crypto";

export function tree(text) {
  const message = { digest: hash("sha1", text) };
  for (const segment of new Message(text).segments) {
    const it = { name: segment.name };
    segment.fields.forEach((_, number) => {
      const values = number === 0 ? [] : segment.list(number).map(value);
      if (values.length) it[`f${number}`] = values;
    });
    const order = message.OBR?.at(-1);
    const result = order?.OBX?.at(-1);
    const parent = segment.name === "OBX" ? order : segment.name === "NTE" ? result : message;
    if (parent) (parent[segment.name] ??= []).push(it);
  }
  return message;
}

function value(of) {
  const it = {};
  of.parts.forEach((part, index) => {
    const count = part.split(of.marks.sub).length;
    for (let below = 1; below <= count; below++) {
      const text = of.sub(index + 1, below);
      if (text === undefined) continue;
      // A component's own text is its first subcomponent.
      const key = below === 1 ? `c${index + 1}` : `c${index + 1}s${below}`;
      it[key] = text;
    }
  });
  return it;
}
