// Sends a running service every request that docs/openapi-operators.yaml names under x-tries: each answer must have the
// status that the try says, and the body that the document has for it. Every operation must name some, and every status
// that a stranger can bring about must be tried somewhere. node operators.mjs http://127.0.0.1:8001 TOKEN
import { fileURLToPath } from 'node:url';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';

const [url, token] = process.argv.slice(2);
const validator = new Validator();
const document = fileURLToPath(new URL('../../docs/openapi-operators.yaml', import.meta.url));
const { valid, errors } = await validator.validate(document);
if (!valid) throw new Error(JSON.stringify(errors));
const ajv = new Ajv2020({ strict: false });
const untried = new Set(['200', '202', '400', '401', '404', '413', '415']);

// `@N` stands for N letters: a body that is too large to be written down.
const spelt = (body) => JSON.stringify(body, (_, value) => (/^@\d+$/.test(value) ? 'x'.repeat(value.slice(1)) : value));

function requestOf(path, method, parameters, tried) {
  const filled = path.replace(/{(\w+)}/g, (_, name) => {
    const { example } = parameters.find((parameter) => parameter.in === 'path' && parameter.name === name);
    return encodeURIComponent(tried.path?.[name] ?? example);
  });
  const query = tried.query ? `?${new URLSearchParams(tried.query)}` : '';
  const headers = { authorization: `Bearer ${tried.token ?? token}` };
  if (tried.body) headers['content-type'] = 'application/json';
  return [`${url}/api/v1${filled}${query}`, { method: method.toUpperCase(), headers, body: tried.body && spelt(tried.body) }];
}

for (const [path, { parameters = [], ...operations }] of Object.entries(validator.resolveRefs().paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    if (!operation['x-tries']) throw new Error(`${method} ${path} names no request under x-tries`);
    for (const tried of operation['x-tries']) {
      const [address, request] = requestOf(path, method, [...parameters, ...operation.parameters ?? []], tried);
      const answer = await fetch(address, request);
      const text = await answer.text();
      const where = `${method} ${path} ${JSON.stringify(tried)}: ${answer.status} ${text.slice(0, 300)}`;
      if (answer.status !== tried.status) throw new Error(`another status: ${where}`);
      const media = operation.responses[answer.status]?.content?.[answer.headers.get('content-type')];
      if (!media) throw new Error(`not in docs/openapi-operators.yaml: ${where}`);
      if (!ajv.validate(media.schema, JSON.parse(text))) throw new Error(`${where}: ${ajv.errorsText()}`);
      untried.delete(String(answer.status));
      console.log(`ok ${method} ${path} ${answer.status}`);
    }
  }
}
if (untried.size) throw new Error(`no request brings about ${[...untried].join(', ')}`);
