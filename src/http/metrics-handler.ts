/** Owns `/metrics` for a host's own server: one handler for node:http and Express alike. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createScraper, type ScrapedMetrics, type ScraperOptions } from '../metrics/scrape.js';
import { type Answer, send, textAnswer } from './answer.js';

/** Answers one request. Never throws and never rejects. */
export type MetricsHandler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A handler that answers GET and HEAD with the metrics: text or OpenMetrics as asked for, compressed as asked for.
 * It looks at no path and asks for no password: mount it where only Prometheus comes. Throws InstrumentOptionError for
 * a wrong option.
 */
export function metricsHandler(metrics: ScrapedMetrics, options: ScraperOptions = {}): MetricsHandler {
  const scraper = createScraper(metrics, options);
  const answerTo = async ({ method, headers }: IncomingMessage): Promise<Answer> => {
    if (method !== 'GET' && method !== 'HEAD') {
      const refusal = textAnswer(405, 'use GET or HEAD\n');
      return { ...refusal, headers: { ...refusal.headers, allow: 'GET, HEAD' } };
    }
    return scraper.scrape({
      accept: headers.accept,
      acceptEncoding: [headers['accept-encoding'] ?? []].flat().join(', '),
      timeoutSeconds: headers['x-prometheus-scrape-timeout-seconds'],
    });
  };
  return (request, response) => {
    answerTo(request)
      .then((answer) => send(request, response, answer))
      // The client hung up, or the host had begun an answer of its own: its process must not end for that.
      .catch(() => response.destroy());
  };
}
