/** Shows breakers of opossum and policies of cockatiel on the same series, so that nothing has to be rewritten first. */
import { ConsecutiveBreaker, circuitBreaker, handleAll, retry } from 'cockatiel';
import { createMetrics, watchCockatiel, watchOpossum } from 'flowgauge';
import OpossumBreaker from 'opossum';

export const metrics = createMetrics();

export const quotes = new OpossumBreaker(async (token: string) => `price of ${token}`, { name: 'quotes' });
watchOpossum(metrics, quotes);

export const news = circuitBreaker(handleAll, { halfOpenAfter: 30_000, breaker: new ConsecutiveBreaker(5) });
watchCockatiel(metrics, news, { name: 'news' });

export const again = retry(handleAll, { maxAttempts: 3 });
watchCockatiel(metrics, again, { name: 'news' });
