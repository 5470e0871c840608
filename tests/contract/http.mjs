// Asks a running service for everything in docs/openapi.yaml: each answer must have a status, a content type and a
// body that the document has. node http.mjs http://127.0.0.1:8000
import { fileURLToPath } from 'node:url';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';

const [url] = process.argv.slice(2);
const validator = new Validator();
const { valid, errors } = await validator.validate(fileURLToPath(new URL('../../docs/openapi.yaml', import.meta.url)));
if (!valid) throw new Error(JSON.stringify(errors));
const ajv = new Ajv2020({ strict: false });

for (const [path, methods] of Object.entries(validator.resolveRefs().paths)) {
  for (const [method, { responses }] of Object.entries(methods)) {
    const answer = await fetch(new URL(path, url), { method });
    const text = await answer.text();
    const where = `${method} ${path}: ${answer.status} ${answer.headers.get('content-type')}: ${text.slice(0, 200)}`;
    const media = responses[answer.status]?.content?.[answer.headers.get('content-type')];
    if (!media) throw new Error(`not in docs/openapi.yaml: ${where}`);
    const body = answer.headers.get('content-type') === 'application/json' ? JSON.parse(text) : text;
    if (!ajv.validate(media.schema, body)) throw new Error(`${where}: ${ajv.errorsText()}`);
    console.log(`ok ${method} ${path} ${answer.status}`);
  }
}
