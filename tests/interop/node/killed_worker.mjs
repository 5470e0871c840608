// usage: node killed_worker.mjs URL TRANSPORT FILE
// Receives one result, has two fragments in work, writes down its session, and waits to be killed.
import { renameSync, writeFileSync } from 'node:fs';
import { Worker } from './harness.mjs';

const file = process.argv[4];
const worker = await Worker.connect('node-killed');
const { session_id } = await worker.init({ first_sequence_number: 0 });
await worker.accepted(0, 1, 1);
await worker.result(0);
await worker.accepted(1, 5, 302);
await worker.accepted(2, 1, 1);
writeFileSync(`${file}.part`, JSON.stringify({ session_id, last_sequence_received: 0 }));
renameSync(`${file}.part`, file);
