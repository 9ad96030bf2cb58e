import { printReport, simulateMany } from '../test/simulation/many.ts';

/** `npm run simulate -- --days 100000 --seed 7`: the machine against a simulated world for any number of days. */
const options = new Map<string, string>();
for (let place = 2; place < process.argv.length; place += 2)
  options.set(String(process.argv[place]).replace(/^--/, ''), String(process.argv[place + 1]));
const days = Number(options.get('days') ?? process.env['DAYS'] ?? 10_000);
const seed = Number(options.get('seed') ?? process.env['SEED'] ?? Date.now() % 1_000_000);
if (!(days > 0) || !Number.isInteger(seed)) {
  process.stderr.write('usage: npm run simulate -- [--days N] [--seed S]\n');
  process.exit(125);
}
const result = simulateMany(seed, days);
printReport(result);
process.exit(result.failure === null ? 0 : 1);
