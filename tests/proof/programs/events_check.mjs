// Validates events with ajv against the published schemas, and reads them with the CloudEvents SDK.
// node events_check.mjs NODE_MODULES SCHEMAS_FOLDER < events, one a line   prints {"events": n, "faults": [...]}
import { createRequire } from "node:module";
import { readFileSync, readdirSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/x.js`);
const Ajv = require("ajv/dist/2020").default;
const formats = require("ajv-formats").default;
const { HTTP, CloudEvent } = require("cloudevents");

const ajv = new Ajv({ strict: true, strictTypes: false, allErrors: true, allowUnionTypes: true });
formats(ajv);
const schemas = new Map();
for (const name of readdirSync(process.argv[3])) {
  if (name.endsWith(".schema.json")) {
    const schema = JSON.parse(readFileSync(`${process.argv[3]}/${name}`));
    schemas.set(schema.title, ajv.compile(schema));
  }
}

const faults = [];
let events = 0;
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  events++;
  const sent = JSON.parse(line);
  const validate = schemas.get(sent.type);
  if (!validate) faults.push(`${sent.type}: no schema`);
  else if (!validate(sent)) faults.push(`${sent.type}: ${ajv.errorsText(validate.errors)}`);
  const data = ajv.getSchema(sent.dataschema);
  if (!data) faults.push(`${sent.type}: dataschema ${sent.dataschema} is not published`);
  else if (!data(sent.data)) faults.push(`${sent.type}: data: ${ajv.errorsText(data.errors)}`);
  try {
    const read = HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body: line });
    new CloudEvent(sent, true);
    if (read.id !== sent.id || read.type !== sent.type || !read.validate()) faults.push(`${sent.type}: read differently`);
  } catch (error) {
    faults.push(`${sent.type}: CloudEvents SDK: ${error.message} ${JSON.stringify(error.errors ?? "")}`);
  }
}
console.log(JSON.stringify({ events, faults }));
