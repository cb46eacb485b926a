// graphile-worker on the jobs that bench/timers.py has put into its queue. The arguments: how many jobs, and the statement that each of
// them executes. Prints a line when it is ready, begins at the first line of its input, and prints how long it took.
import { createInterface } from "node:readline";
import pg from "pg";
import { makeWorkerUtils, run } from "graphile-worker";
import { EventEmitter } from "node:events";

const [jobs, statement] = [Number(process.argv[2]), process.argv[3]];
const pgPool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
pgPool.on("error", (error) => console.error(error));
pgPool.on("connect", (client) => client.on("error", (error) => console.error(error)));
const quiet = { debug() {}, info() {}, warn: console.error, error: console.error };
const logger = new (await import("@graphile/logger")).Logger(() => (level, message) => quiet[level === "warning" ? "warn" : level]?.(message));
const utils = await makeWorkerUtils({ pgPool, logger });
await utils.migrate();
await pgPool.query(`SELECT graphile_worker.add_job('due', run_at => now() + interval '10 years', job_key => 'known')`);
// its connections are made before the clock runs
const clients = await Promise.all(Array.from({ length: 20 }, () => pgPool.connect()));
clients.forEach((client) => client.release());
console.log("ready");
const input = createInterface({ input: process.stdin });
await new Promise((resolve) => input.once("line", resolve));
input.close();

let done = 0;
let finished;
const all = new Promise((resolve) => (finished = resolve));
const events = new EventEmitter();
events.on("job:complete", ({ error }) => {
  if (error) throw error;
  if (++done === jobs) finished();
});
const began = process.hrtime.bigint();
const runner = await run({
  pgPool,
  logger,
  events,
  noHandleSignals: true,
  taskList: { due: async ({ clock }, helpers) => void (await helpers.query({ name: "due", text: statement, values: [clock] })) },
  preset: { worker: { concurrentJobs: 16, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
});
await all;
await runner.stop();
console.log(JSON.stringify({ seconds: Number(process.hrtime.bigint() - began) / 1e9 }));
await utils.release();
await pgPool.end();
