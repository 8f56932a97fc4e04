/** Shows the latency of a service in both directions: requests that come in by route, requests that go out by API. */
import express from 'express';
import {
  activeExemplar,
  createMetrics,
  instrumentExpress,
  instrumentFetch,
  type Metrics,
  metricsHandler,
} from 'flowgauge';

/** The application, and the way to end the observation of its outgoing requests. */
export function createService(metrics: Metrics = createMetrics()) {
  // `activeExemplar` puts the trace of a slow request beside its bucket, when the host has OpenTelemetry.
  const stop = instrumentFetch(metrics, {
    apis: { 'api.example.com': 'quotes', '*.example.org': 'partners' },
    exemplar: activeExemplar,
  });
  const app = express();
  app.use(instrumentExpress(metrics, { declared: [['GET', '/tokens/:id']], exemplar: activeExemplar }));
  app.get('/metrics', metricsHandler(metrics));
  app.get('/tokens/:id', async (request, response) => {
    const answer = await fetch(`https://api.example.com/${request.params.id}`);
    response.status(answer.status).send(await answer.text());
  });
  return { app, stop };
}
