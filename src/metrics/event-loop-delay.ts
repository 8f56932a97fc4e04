/** Owns measuring how late the event loop is, cumulatively, so that two scrapers see the same. */

/** How often the loop is asked, in milliseconds. */
const INTERVAL_MS = 20;

/** Starts observing delays in seconds; returns the function that stops. The timer keeps no process alive. */
export function observeEventLoopDelay(histogram: { observe(seconds: number): void }): () => void {
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    histogram.observe(Math.max(0, nowMs - lastMs - INTERVAL_MS) / 1000);
    lastMs = nowMs;
  }, INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
