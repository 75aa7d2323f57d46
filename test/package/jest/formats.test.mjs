import { createRequire } from 'node:module';
import * as imported from 'tfjs-alig';

test('both formats are one', async () => {
  const required = createRequire(import.meta.url)('tfjs-alig');
  expect(Object.keys(imported).sort()).toEqual(Object.keys(required).sort());
  for (const [name, value] of Object.entries(required)) expect(imported[name]).toBe(value);
  expect((await import('tfjs-alig')).AliG).toBe(required.AliG);
});
