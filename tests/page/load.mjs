// A stream with a fragment always on its way, whose results are counted.
import assert from 'node:assert/strict';
import { Worker } from '../interop/node/harness.mjs';

export class Load {
  static async start(name) {
    const load = new Load();
    load.worker = await Worker.connect(name);
    await load.worker.init({ first_sequence_number: 0 });
    load.sent = 0;
    load.going = true;
    load.done = load.#run();
    return load;
  }

  async #run() {
    while (this.going) {
      const number = this.sent;
      this.sent += 1;
      // The fake recogniser hears two words after 20 ms.
      this.worker.send(number, 1, 20);
      await this.worker.result(number);
    }
  }

  /** Ends the stream: every fragment was answered, once, in order, and well. */
  async finish() {
    this.going = false;
    await this.done;
    const complete = await this.worker.end();
    assert.deepEqual([complete.total_fragments, complete.success_count], [this.sent, this.sent]);
    this.worker.socket.disconnect();
    return this.sent;
  }
}
