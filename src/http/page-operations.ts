/** Owns the description of pages, health and the scrape. */
import { type AnswerDoc, FLAG, listOf, type Operation, object, TEXT } from './operation.js';

const HTML: AnswerDoc = { description: 'A page for people.', type: 'text/html' };
const READINESS = object({ ready: FLAG, reasons: listOf(TEXT) });

/** `GET /` */
export const LANDING_SHOWN: Operation = {
  id: 'showLandingPage',
  summary: 'What runs here, how its flows are, and where to go.',
  answers: { 200: HTML },
};

/** The scrape. */
export const SCRAPED: Operation = {
  id: 'scrape',
  summary: 'All series, in the text format or as OpenMetrics, as asked for by Accept.',
  answers: { 200: { description: 'The series.', type: 'text/plain' } },
  problems: [503],
};

/** Alive, under one of its names. */
export function alive(id: string): Operation {
  return {
    id,
    summary: 'Says that the process answers, whatever else is broken.',
    answers: { 200: { description: 'Alive.', type: 'text/plain' } },
  };
}

/** Ready, under one of its names. */
export function ready(id: string): Operation {
  return {
    id,
    summary: 'Whether the exporter serves true numbers; the reasons only for callers who may read.',
    answers: {
      200: { description: 'Ready.', type: 'application/json', schema: READINESS },
      503: { description: 'Not ready.', type: 'application/json', schema: READINESS },
    },
  };
}

/** `GET /runbooks` */
export const RUNBOOKS_LISTED: Operation = {
  id: 'listRunbooks',
  summary: 'The runbooks of all alerts.',
  answers: { 200: HTML },
};

/** `GET /runbooks/:alert` */
export const RUNBOOK_SHOWN: Operation = {
  id: 'showRunbook',
  summary: 'What to do about one alert.',
  parameters: [
    { name: 'alert', in: 'path', description: "The alert's name.", schema: TEXT, example: 'FlowStalled' },
  ],
  answers: { 200: HTML },
  problems: [404],
};

/** `GET /openapi.json` */
export const OPENAPI_SHOWN: Operation = {
  id: 'showApi',
  summary: 'This document: every route that this process serves.',
  answers: {
    200: { description: 'OpenAPI 3.1.', type: 'application/json', schema: { type: 'object' } },
  },
};
