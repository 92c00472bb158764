// One runtime with one model in a page of its own. The job stands in the page's address: which runtime, where the model lies,
// what is put in. `answered` is a promise of the first answer, and `timed` runs for some time.
import { RUNTIMES } from "/page/runtimes.mjs";

const job = JSON.parse(new URLSearchParams(location.search).get("job"));

// The clock of a page that isn't isolated has steps of 0.1 ms: quick runs are timed several at once, in milliseconds.
const BATCH = 8;

const runtime = new RUNTIMES[job.runtime]();

globalThis.answered = (async () => {
  const elements = fetch(job.input.url).then((response) => response.arrayBuffer());
  await runtime.load(job.model, job.input, elements);
  await runtime.run();
  const output = Array.from(runtime.output());
  // Since the navigation began.
  return { first_us: performance.now() * 1000, output, about: runtime.about?.() };
})();

// The first tenth of the time isn't counted.
globalThis.timed = async (seconds) => {
  const start = performance.now();
  const until = (share) => performance.now() - start < seconds * 1000 * share;
  let runs = 0;
  do {
    await runtime.run();
    runs += 1;
  } while (until(0.1));
  const batch = Math.max(1, Math.ceil((BATCH * runs) / (performance.now() - start)));
  const times = [];
  do {
    const begin = performance.now();
    for (let i = 0; i < batch; i++) await runtime.run();
    times.push(((performance.now() - begin) * 1000) / batch);
  } while (until(1.1));
  times.sort((a, b) => a - b);
  const at = (percent) => times[Math.max(Math.ceil((times.length * percent) / 100) - 1, 0)];
  return { runs: batch * times.length, min_us: at(0), p50_us: at(50), p90_us: at(90) };
};
