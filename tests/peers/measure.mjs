// What the peers that run in Node share: the call, the clock, the row. See README.md.
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

/// Called as `MESSAGES OUTPUT SECONDS`. `prepare` gives, for the name of a workload, what makes JSON of a message;
/// either may be asynchronous.
export async function measure(engine, prepare) {
  const [file, output, seconds] = process.argv.slice(2);
  const workload = basename(file, ".messages");
  const messages = readFileSync(file, "utf8").trimEnd().split("\n").map((line) => Buffer.from(JSON.parse(line)));
  const map = await prepare(workload);

  const written = [];
  for (const message of messages) {
    try {
      written.push(await map(message.toString()));
    } catch (why) {
      written.push(JSON.stringify({ failed: String(why.message ?? why).slice(0, 200) }));
    }
  }
  writeFileSync(output, written.join("\n") + "\n");

  const warm = await timed(map, messages, seconds);
  const { count, ns } = await timed(map, messages, seconds);
  const note = `${warm.count} messages before`;
  console.log(JSON.stringify({ workload, engine, messages_per_s: (count * 1e9) / ns, note }));
}

/// CPU time of the whole process, with its collector of garbage, for at least so long.
async function timed(map, messages, seconds) {
  const from = process.cpuUsage();
  let count = 0;
  let spent = 0;
  let bytes = 0;
  while (spent < seconds * 1e6) {
    for (let of = 0; of < 20; of++) {
      const made = map(messages[count % messages.length].toString());
      // No turn of the loop for those that need none.
      bytes += Buffer.from(typeof made === "string" ? made : await made).length;
      count++;
    }
    const { user, system } = process.cpuUsage(from);
    spent = user + system;
  }
  if (bytes === 0) throw new Error("nothing was written");
  return { count, ns: spent * 1e3 };
}
