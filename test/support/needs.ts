/** Tests that need what not every machine has. */
import test, { type Implementation } from 'ava';

type Register = (title: string, implementation: Implementation<[]>) => void;

const reasons = new Set<string>();

/**
 * Registers serial tests that need something of the machine. Where that is missing they are left
 * out, and one skipped test of the file tells why for all of them: `for want of <need>: <missing>`.
 *
 * @param missing What is missing and how to get it; undefined: nothing.
 */
export function testsThatNeed(need: string, missing: string | undefined): Register {
  if (missing === undefined) {
    return (title, implementation) => {
      test.serial(title, implementation);
    };
  }
  const reason = `for want of ${need}: ${missing}`;
  if (!reasons.has(reason)) {
    reasons.add(reason);
    test.skip(reason, (t) => {
      t.fail();
    });
  }
  return () => undefined;
}
