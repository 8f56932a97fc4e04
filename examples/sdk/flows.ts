/** Shows the moves of items without a table to watch: counted in memory, or in the transaction that moves them. */
import { createMetrics, type DrizzleExecutor, flowItemTable, trackFlow } from 'flowgauge';

export const metrics = createMetrics();

/** In memory: exact while the process lives, and quick. */
export const tokens = trackFlow(metrics, 'tokens', {
  statuses: ['monitoring', 'active', 'archived'],
  moves: ['none>monitoring', 'monitoring>active', 'active>monitoring', 'monitoring>archived'],
  limitsMs: { monitoring: { warning: 180_000, critical: 900_000 } },
});
tokens.moved('So11111111111111111111111111111111111111112', null, 'monitoring');

const orders = flowItemTable('orders');

/** In the program's own drizzle transaction: counted by the exporter exactly when that commits. */
export async function ship(tx: DrizzleExecutor, orderId: string): Promise<void> {
  await orders.moved(tx, orderId, 'shipped');
}
