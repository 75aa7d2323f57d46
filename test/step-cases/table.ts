/**
 * The table of cases that every engine is compared on, in TypeScript and in C++ (native/test). A new case
 * is a row; a new engine runs all of them.
 */
import { orders } from './orders.js';
import { ruleCases } from './rule-cases.js';
import { shapes } from './shapes.js';
import type { StepCase } from './step-case.js';
import { values } from './values.js';

export const stepCases: readonly StepCase[] = [...shapes, ...values, ...orders, ...ruleCases];
