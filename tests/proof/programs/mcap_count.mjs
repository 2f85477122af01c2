// Counts the messages of each topic of MCAP files with the official JavaScript reader, CRCs checked.
// node mcap_count.mjs NODE_MODULES FILE...   prints one JSON object a file: {"counts": {topic: n}, "whole": bool}
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/x.js`);
const { McapStreamReader, McapIndexedReader } = require("@mcap/core");
const fzstd = require("fzstd");
const lz4 = require("lz4js");

const decompressHandlers = {
  zstd: (packed) => fzstd.decompress(packed),
  lz4: (packed) => lz4.decompress(packed),
};

async function indexed(data) {
  const readable = {
    size: async () => BigInt(data.length),
    read: async (offset, size) => new Uint8Array(data.subarray(Number(offset), Number(offset + size))),
  };
  const reader = await McapIndexedReader.Initialize({ readable, decompressHandlers });
  let count = 0;
  for await (const _ of reader.readMessages()) count++;
  return count;
}

for (const path of process.argv.slice(3)) {
  const data = readFileSync(path);
  const reader = new McapStreamReader({ decompressHandlers, validateCrcs: true });
  const topics = new Map(), counts = {};
  reader.append(data);
  for (let record; (record = reader.nextRecord()); ) {
    if (record.type === "Channel") topics.set(record.id, record.topic);
    if (record.type === "Message") {
      JSON.parse(new TextDecoder().decode(record.data));
      const topic = topics.get(record.channelId);
      counts[topic] = (counts[topic] ?? 0) + 1;
    }
  }
  const whole = reader.done();
  console.log(JSON.stringify({ counts, whole, indexed: whole ? await indexed(data).catch(() => -1) : -1 }));
}
