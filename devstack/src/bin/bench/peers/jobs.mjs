// The same fan-out as one of Orilla's jobs, on BullMQ: N toons in bulk, each hashed, its result kept.
// node jobs.mjs REDIS_PORT [N] [CONCURRENCY] [ROUNDS]
import { createHash } from 'node:crypto';
import { Queue, Worker } from 'bullmq';

const [, , redisPort, count = '10000', concurrency = '32', rounds = '4'] = process.argv;
const N = Number(count);
const connection = { host: '127.0.0.1', port: Number(redisPort) };
const canonical = (v) => Array.isArray(v) ? `[${v.map(canonical).join(',')}]`
  : v && typeof v === 'object' ? `{${Object.keys(v).sort().map((k) => `${JSON.stringify(k)}:${canonical(v[k])}`).join(',')}}`
  : JSON.stringify(v);
for (let round = 0; round < Number(rounds); round++) {
  const name = `toons-${round}-${Date.now()}`;
  const queue = new Queue(name, { connection });
  await queue.waitUntilReady();
  let done = 0;
  const finished = new Promise((resolve) => {
    const worker = new Worker(name, async ({ data }) => {
      const text = canonical(data);
      return { sha256: createHash('sha256').update(text).digest('hex'), size: text.length };
    }, { connection, concurrency: Number(concurrency) });
    worker.on('completed', () => { if (++done === N) resolve(worker); });
  });
  const toons = Array.from({ length: N }, (_, i) => ({
    name: 'toon',
    data: { toonId: `TOON-${i}`, name: `Toon number ${i}`, tags: ['a', 'b', 'c'], payload: 'x'.repeat(200) },
  }));
  const start = process.hrtime.bigint();
  for (let i = 0; i < N; i += 1000) await queue.addBulk(toons.slice(i, i + 1000));
  const worker = await finished;
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(`bullmq: ${N} toons, ${concurrency} at once: ${(N / seconds).toFixed(0)} a second`);
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
}
process.exit(0);
