// Checks docs/asyncapi.yaml, docs/openapi.yaml and docs/openapi-operators.yaml by validators of their own, and that every sample in
// protocol/samples gets the verdict that it says, by the schemas that the AsyncAPI document refers to.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Parser, fromFile } from '@asyncapi/parser';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';

const root = new URL('../../', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));
const problems = [];

async function checkAsyncApi() {
  const { document, diagnostics } = await fromFile(new Parser(), path('docs/asyncapi.yaml')).parse();
  for (const { severity, message, path: where } of diagnostics) {
    const line = `docs/asyncapi.yaml ${where.join('/')}: ${message}`;
    if (severity <= 1) problems.push(line);
    else console.log(line);
  }
  return document?.allMessages().all() ?? [];
}

async function checkOpenApi(name) {
  const { valid, errors } = await new Validator().validate(path(name));
  if (!valid) problems.push(`${name}: ${JSON.stringify(errors)}`);
}

// A parent, and a name in it, by JSON pointer.
function locate(argument, pointer) {
  const names = pointer.split('/').slice(1);
  const last = names.pop();
  return [names.reduce((value, name) => value[name], argument), last];
}

function argumentOf({ from, set = {}, remove = [], ...sample }, { base, others = {} }) {
  if ('argument' in sample) return sample.argument;
  const argument = structuredClone(from ? others[from] : base);
  for (const [pointer, value] of Object.entries(set)) {
    const [parent, name] = locate(argument, pointer);
    parent[name] = value;
  }
  for (const pointer of remove) {
    const [parent, name] = locate(argument, pointer);
    delete parent[name];
  }
  return argument;
}

function checkSamples(message) {
  const file = `protocol/samples/${message.name().replace(':', '_')}.jsonl`;
  const [header, ...samples] = readFileSync(path(file), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  const validate = new Ajv2020({ strictTypes: false, strictRequired: false }).compile(schemaOf(message));
  samples.forEach((sample, index) => {
    const expected = !sample.refused || sample.schema === 'accepts';
    if (validate(argumentOf(sample, header)) !== expected) {
      problems.push(`${file}:${index + 2} (${sample.name}): the schema's verdict is ${!expected}`);
    }
  });
  return samples.length;
}

// The parser puts marks of its own into what it has read.
function schemaOf(message) {
  return JSON.parse(JSON.stringify(message.payload().json(), (key, value) => (key.startsWith('x-parser-') ? undefined : value)));
}

const messages = await checkAsyncApi();
await checkOpenApi('docs/openapi.yaml');
await checkOpenApi('docs/openapi-operators.yaml');
if (messages.length !== 11) problems.push(`docs/asyncapi.yaml has ${messages.length} messages, the contract has 11`);
const count = messages.reduce((sum, message) => sum + checkSamples(message), 0);
for (const problem of problems) console.error(problem);
if (problems.length) process.exit(1);
console.log(`docs/asyncapi.yaml, docs/openapi.yaml and docs/openapi-operators.yaml are valid; ${count} samples of ${messages.length} messages agree`);
